//! Requests that a client sends over its socket, and the replies to them.

use serde_json::{Value, json};

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    Subscribe(Vec<String>),
    Unsubscribe(Vec<String>),
    ListSubscriptions,
    SetCombined(bool),
    GetCombined,
}

/// A request with the id that its reply repeats: an integer, a short text, or null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) id: Value,
    pub(crate) request: Request,
}

/// A documented error reply: code, text, and the id when it could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    code: u8,
    message: String,
    id: Option<Value>,
}

impl Refusal {
    fn new(code: u8, message: impl Into<String>, id: Option<&Value>) -> Self {
        Self { code, message: message.into(), id: id.cloned() }
    }

    /// The error frame.
    pub(crate) fn to_text(&self) -> String {
        let mut frame = json!({ "code": self.code, "msg": self.message });
        if let Some(id) = &self.id {
            frame["id"] = id.clone();
        }
        frame.to_string()
    }
}

/// The reply to an accepted request. `null` says accepted, not that the stream exists.
pub(crate) fn result_text(result: &Value, id: &Value) -> String {
    format!(r#"{{"result":{result},"id":{id}}}"#)
}

/// The reply to a subscription beyond the limit: not documented; clients have reported this nested form.
pub(crate) fn too_many_subscriptions_text(id: &Value) -> String {
    format!(r#"{{"error":{{"code":4,"msg":"Too many subscriptions"}},"id":{id}}}"#)
}

const METHODS: &str = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`";

/// The longest text that may be an id.
const ID_LENGTH_MAX: usize = 36;

/// Reads one request.
///
/// # Errors
/// The documented error reply: 0 unknown property, 1 wrong type of value, 2 invalid request, 3 invalid JSON.
///
/// # Source
/// `web-socket-streams.md`, "Live Subscribing/Unsubscribing to streams" and "Error Messages".
pub(crate) fn parse_call(text: &str) -> Result<Call, Refusal> {
    let frame: Value = serde_json::from_str(text)
        .map_err(|error| Refusal::new(3, format!("Invalid JSON: {error}"), None))?;
    let id = parse_id(frame.get("id"))?;
    let invalid = |message: &str| Refusal::new(2, format!("Invalid request: {message}"), Some(&id));
    let at = format!("at line 1 column {}", text.len());
    let method = frame.get("method").ok_or_else(|| invalid(&format!("missing field `method` {at}")))?;
    let params = match frame.get("params") {
        None => &[][..],
        Some(Value::Array(params)) => params,
        Some(_) => return Err(invalid("params must be an array")),
    };
    let request = match method.as_str() {
        Some("SUBSCRIBE") => {
            Request::Subscribe(stream_names(params).ok_or_else(|| invalid("stream names are strings"))?)
        }
        Some("UNSUBSCRIBE") => {
            Request::Unsubscribe(stream_names(params).ok_or_else(|| invalid("stream names are strings"))?)
        }
        Some("LIST_SUBSCRIPTIONS") if params.is_empty() => Request::ListSubscriptions,
        Some("LIST_SUBSCRIPTIONS") => return Err(invalid("too many parameters")),
        Some("SET_PROPERTY" | "GET_PROPERTY") => parse_property(method == "SET_PROPERTY", params, &id)?,
        _ => return Err(invalid(&format!("unknown variant {method}, expected one of {METHODS} {at}"))),
    };
    Ok(Call { id, request })
}

fn parse_id(id: Option<&Value>) -> Result<Value, Refusal> {
    match id {
        None | Some(Value::Null) => Ok(Value::Null),
        Some(Value::Number(number)) if number.is_i64() => Ok(Value::Number(number.clone())),
        Some(Value::String(text))
            if text.len() <= ID_LENGTH_MAX && text.chars().all(char::is_alphanumeric) =>
        {
            Ok(Value::String(text.clone()))
        }
        Some(_) => Err(Refusal::new(2, "Invalid request: request ID must be an unsigned integer", None)),
    }
}

fn stream_names(params: &[Value]) -> Option<Vec<String>> {
    params.iter().map(|name| name.as_str().map(str::to_owned)).collect()
}

fn parse_property(sets: bool, params: &[Value], id: &Value) -> Result<Request, Refusal> {
    let refuse = |code, message: &str| Err(Refusal::new(code, message, Some(id)));
    match params {
        [] => refuse(2, "Invalid request: property name must be a string"),
        [name, ..] if !name.is_string() => refuse(2, "Invalid request: property name must be a string"),
        [name, ..] if name != "combined" => refuse(0, "Unknown property"),
        [_, Value::Bool(value)] if sets => Ok(Request::SetCombined(*value)),
        [_] if !sets => Ok(Request::GetCombined),
        [_] | [_, _] if sets => refuse(1, "Invalid value type: expected Boolean"),
        _ => refuse(2, "Invalid request: too many parameters"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<Request, &str>) {
        let got = parse_call(text).map(|call| call.request).map_err(|refusal| refusal.to_text());
        assert_eq!(got, expect.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn documented_requests_are_understood() {
        let names = vec!["btcusdt@depth@100ms".to_owned(), "btcusdt@trade".to_owned()];
        let params = r#""params":["btcusdt@depth@100ms","btcusdt@trade"]"#;
        check(&format!(r#"{{"method":"SUBSCRIBE",{params},"id":1}}"#), Ok(Request::Subscribe(names.clone())));
        check(&format!(r#"{{"method":"UNSUBSCRIBE",{params},"id":"a1"}}"#), Ok(Request::Unsubscribe(names)));
        check(r#"{"method":"LIST_SUBSCRIPTIONS","id":3}"#, Ok(Request::ListSubscriptions));
        check(
            r#"{"method":"SET_PROPERTY","params":["combined",true],"id":4}"#,
            Ok(Request::SetCombined(true)),
        );
        check(r#"{"method":"GET_PROPERTY","params":["combined"],"id":null}"#, Ok(Request::GetCombined));
    }

    #[test]
    fn documented_errors_are_given() {
        check(
            r#"{"method":"GET_PROPERTY","params":["colour"],"id":7}"#,
            Err(r#"{"code":0,"id":7,"msg":"Unknown property"}"#),
        );
        check(
            r#"{"method":"SET_PROPERTY","params":["combined",1],"id":7}"#,
            Err(r#"{"code":1,"id":7,"msg":"Invalid value type: expected Boolean"}"#),
        );
        check(
            r#"{"method":"SUBSCRIBE","params":[],"id":1.5}"#,
            Err(r#"{"code":2,"msg":"Invalid request: request ID must be an unsigned integer"}"#),
        );
        check(
            r#"{"method":"LIST_SUBSCRIPTIONS","params":["x"],"id":7}"#,
            Err(r#"{"code":2,"id":7,"msg":"Invalid request: too many parameters"}"#),
        );
        check(
            r#"{"id":7}"#,
            Err(r#"{"code":2,"id":7,"msg":"Invalid request: missing field `method` at line 1 column 8"}"#),
        );
        for (text, code) in
            [("{", 3), ("nonsense", 3), ("[]", 2), (r#"{"method":"SUB","id":1}"#, 2), ("7", 2)]
        {
            let refusal = parse_call(text).unwrap_err();
            assert_eq!(refusal.code, code, "{text}: {refusal:?}");
        }
    }
}

//! From a view to JSON: byte by byte what `serde_json` writes, at less cost (docs/decisions, 7).
//!
//! `serde_json` looks for what must be escaped in every name of a field and formats exact decimals through `fmt`. Our fields
//! have names of letters, and nearly all of our text needs no escape either. Numbers, and text that does, are `serde_json`'s.

use std::fmt::{self, Write as _};

use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use serde::{Serialize, Serializer};

/// Appends `value` as JSON without white space.
///
/// # Panics
/// Never for a view: they fail at nothing, their fields' names need no escape, and the keys of their maps are text.
pub(super) fn write_json<T: Serialize + ?Sized>(value: &T, bytes: &mut Vec<u8>) {
    value.serialize(Json { bytes }).expect("numbers and text are JSON, and memory takes every byte");
}

/// Writes one value.
struct Json<'a> {
    bytes: &'a mut Vec<u8>,
}

/// Writes the elements of a list or the fields of an object.
struct Items<'a> {
    bytes: &'a mut Vec<u8>,
    is_begun: bool,
    /// What ends it.
    end: &'static [u8],
}

impl<'a> Items<'a> {
    fn new(bytes: &'a mut Vec<u8>, begin: u8, end: &'static [u8]) -> Self {
        bytes.push(begin);
        Self { bytes, is_begun: false, end }
    }

    /// In an object of one field, which says which variant of an enumeration it is.
    fn of_variant(bytes: &'a mut Vec<u8>, variant: &'static str, begin: u8, end: &'static [u8]) -> Self {
        bytes.push(b'{');
        key(variant, bytes);
        Self::new(bytes, begin, end)
    }

    fn separate(&mut self) {
        if std::mem::replace(&mut self.is_begun, true) {
            self.bytes.push(b',');
        }
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
        self.separate();
        value.serialize(Json { bytes: self.bytes })
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> fmt::Result {
        self.separate();
        key(name, self.bytes);
        value.serialize(Json { bytes: self.bytes })
    }

    fn finish(self) {
        self.bytes.extend_from_slice(self.end);
    }
}

/// One of our own names: nothing in it needs an escape.
fn key(name: &'static str, bytes: &mut Vec<u8>) {
    debug_assert!(is_plain(name), "{name:?} needs an escape");
    bytes.push(b'"');
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(b"\":");
}

/// True when text stands in JSON as it is.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\')
}

/// Whatever `serde_json` makes of it.
fn put<T: Serialize + ?Sized>(value: &T, bytes: &mut Vec<u8>) -> fmt::Result {
    serde_json::to_writer(bytes, value).map_err(|_| fmt::Error)
}

/// Text within quotes that are there already.
struct Quoted<'a> {
    bytes: &'a mut Vec<u8>,
}

impl fmt::Write for Quoted<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if is_plain(text) {
            self.bytes.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        // With quotes of its own, which are taken away again.
        let start = self.bytes.len();
        put(text, self.bytes)?;
        self.bytes.pop();
        self.bytes.remove(start);
        Ok(())
    }
}

/// Numbers, which `serde_json` writes.
macro_rules! numbers {
    ($($method:ident: $type:ty,)*) => {
        $(fn $method(self, value: $type) -> fmt::Result {
            put(&value, self.bytes)
        })*
    };
}

impl<'a> Serializer for Json<'a> {
    type Ok = ();
    type Error = fmt::Error;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Items<'a>;
    type SerializeTupleVariant = Items<'a>;
    type SerializeMap = Items<'a>;
    type SerializeStruct = Items<'a>;
    type SerializeStructVariant = Items<'a>;

    numbers! {
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_i128: i128,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_u128: u128,
        serialize_f32: f32,
        serialize_f64: f64,
        serialize_char: char,
        serialize_bytes: &[u8],
    }

    fn serialize_bool(self, value: bool) -> fmt::Result {
        self.bytes.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_str(self, text: &str) -> fmt::Result {
        if !is_plain(text) {
            return put(text, self.bytes);
        }
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(b'"');
        Ok(())
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> fmt::Result {
        self.bytes.push(b'"');
        write!(Quoted { bytes: self.bytes }, "{value}")?;
        self.bytes.push(b'"');
        Ok(())
    }

    fn serialize_none(self) -> fmt::Result {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> fmt::Result {
        value.serialize(self)
    }

    fn serialize_unit(self) -> fmt::Result {
        self.bytes.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> fmt::Result {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> fmt::Result {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> fmt::Result {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> fmt::Result {
        let mut items = Items::new(self.bytes, b'{', b"}");
        items.field(variant, value)?;
        items.finish();
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'a>, fmt::Error> {
        Ok(Items::new(self.bytes, b'[', b"]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'a>, fmt::Error> {
        Ok(Items::new(self.bytes, b'[', b"]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'a>, fmt::Error> {
        Ok(Items::new(self.bytes, b'[', b"]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'a>, fmt::Error> {
        Ok(Items::of_variant(self.bytes, variant, b'[', b"]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Items<'a>, fmt::Error> {
        Ok(Items::new(self.bytes, b'{', b"}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Items<'a>, fmt::Error> {
        Ok(Items::new(self.bytes, b'{', b"}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'a>, fmt::Error> {
        Ok(Items::of_variant(self.bytes, variant, b'{', b"}}"))
    }
}

/// The kinds of lists and objects differ in how their items are told.
macro_rules! kinds {
    ($($kind:ident: $method:ident($($name:ident: $type:ty)?) = $items:ident,)*) => {
        $(impl $kind for Items<'_> {
            type Ok = ();
            type Error = fmt::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: $type,)? value: &T) -> fmt::Result {
                self.$items($($name,)? value)
            }

            fn end(self) -> fmt::Result {
                self.finish();
                Ok(())
            }
        })*
    };
}

kinds! {
    SerializeSeq: serialize_element() = element,
    SerializeTuple: serialize_element() = element,
    SerializeTupleStruct: serialize_field() = element,
    SerializeTupleVariant: serialize_field() = element,
    SerializeStruct: serialize_field(name: &'static str) = field,
    SerializeStructVariant: serialize_field(name: &'static str) = field,
}

impl SerializeMap for Items<'_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> fmt::Result {
        self.separate();
        let start = self.bytes.len();
        name.serialize(Json { bytes: self.bytes })?;
        // Keys of JSON are text.
        if self.bytes.get(start) == Some(&b'"') { Ok(()) } else { Err(fmt::Error) }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
        self.bytes.push(b':');
        value.serialize(Json { bytes: self.bytes })
    }

    fn end(self) -> fmt::Result {
        self.finish();
        Ok(())
    }
}

/// The longest text of 64 bits with [`SHORT_SCALE_MAX`] places: a sign, a point, a digit before it.
const SHORT_BYTES: usize = 64;

/// The most places that are written without `fmt`.
const SHORT_SCALE_MAX: u8 = 36;

/// Writes `units * 10^-scale` as exact decimal text in quotes, without trailing zeros.
pub(super) fn serialize_decimal<S: Serializer>(
    units: i128,
    scale: u8,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let Some(mut rest) = u64::try_from(units.unsigned_abs()).ok().filter(|_| scale <= SHORT_SCALE_MAX) else {
        return serializer.collect_str(&super::value::LongDecimal { units, scale });
    };
    let mut text = [0; SHORT_BYTES];
    let mut at = text.len();
    let mut is_begun = false;
    for _ in 0..scale {
        let digit = digit(rest);
        rest /= 10;
        if is_begun || digit != b'0' {
            at -= 1;
            text[at] = digit;
            is_begun = true;
        }
    }
    if is_begun {
        at -= 1;
        text[at] = b'.';
    }
    loop {
        at -= 1;
        text[at] = digit(rest);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if units < 0 {
        at -= 1;
        text[at] = b'-';
    }
    match std::str::from_utf8(&text[at..]) {
        Ok(text) => serializer.serialize_str(text),
        Err(error) => Err(serde::ser::Error::custom(error)),
    }
}

const fn digit(rest: u64) -> u8 {
    b'0' + (rest % 10) as u8
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Everything that serde's model has.
    #[derive(Debug, Clone, Serialize)]
    enum Any {
        Unit,
        Bool(bool),
        Signed(i64),
        Wide(i128),
        Float(f64),
        Text(String),
        Char(char),
        List(Vec<Any>),
        Pair(String, u8),
        Object { name: String, inner: Option<Box<Any>>, tuple: (bool, (), f32) },
        Map(BTreeMap<String, Any>),
    }

    fn any_value() -> impl Strategy<Value = Any> {
        let text = prop_oneof![".{0,8}", "[\"\\\\\n\u{1}\u{7f}a]{0,6}"];
        let leaf = prop_oneof![
            Just(Any::Unit),
            any::<bool>().prop_map(Any::Bool),
            any::<i64>().prop_map(Any::Signed),
            any::<i128>().prop_map(Any::Wide),
            any::<f64>().prop_map(Any::Float),
            text.clone().prop_map(Any::Text),
            any::<char>().prop_map(Any::Char),
            (text.clone(), any::<u8>()).prop_map(|(text, number)| Any::Pair(text, number)),
        ];
        leaf.prop_recursive(3, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Any::List),
                prop::collection::btree_map(text.clone(), inner.clone(), 0..4).prop_map(Any::Map),
                (text.clone(), prop::option::of(inner), any::<(bool, (), f32)>())
                    .prop_map(|(name, inner, tuple)| Any::Object { name, inner: inner.map(Box::new), tuple }),
            ]
        })
    }

    /// Text through [`Serializer::collect_str`].
    struct Shown<'a>(&'a str);

    impl Serialize for Shown<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(&format_args!("{}:{}", self.0, self.0))
        }
    }

    fn written<T: Serialize>(value: &T) -> String {
        let mut bytes = Vec::new();
        write_json(value, &mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    proptest! {
        #[test]
        fn it_is_what_serde_json_writes(value in any_value(), text in "[\"\\\\\n\u{1}a-zß]{0,9}") {
            prop_assert_eq!(written(&value), serde_json::to_string(&value).unwrap());
            prop_assert_eq!(written(&Shown(&text)), serde_json::to_string(&Shown(&text)).unwrap());
        }
    }

    #[test]
    fn what_is_no_number_is_null() {
        assert_eq!(written(&[f64::NAN, f64::INFINITY, -0.0]), "[null,null,-0.0]");
    }
}

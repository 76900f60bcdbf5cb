//! The generated parts of docs/contracts/jni.md: what stands between two markers is replaced, the rest is left alone.

use std::fmt::Write as _;

use anyhow::Context as _;
use opus2_jni::ErrorCode;

const START: &str = "<!-- made by cargo xtask codegen: error codes -->\n";
const END: &str = "<!-- end -->\n";

pub(super) fn text(page: &str) -> anyhow::Result<String> {
    let (before, rest) =
        page.split_once(START).with_context(|| format!("docs/contracts/jni.md lacks the line {START}"))?;
    let (_, after) =
        rest.split_once(END).with_context(|| format!("docs/contracts/jni.md lacks the line {END}"))?;
    Ok(format!("{before}{START}{}{END}{after}", error_codes()))
}

fn error_codes() -> String {
    let mut table = "| code | name | means |\n| --- | --- | --- |\n".to_owned();
    for code in ErrorCode::ALL {
        // Writing to a string cannot fail.
        let _written = writeln!(table, "| {} | `{}` | {} |", code.code(), code.name(), code.meaning());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let page = format!("before\n{START}old\n{END}after\n");
        let new = text(&page).unwrap();
        assert!(new.starts_with("before\n") && new.ends_with("after\n") && !new.contains("old"));
        assert_eq!(text(&new).unwrap(), new);
        assert!(text("no markers").unwrap_err().to_string().contains("lacks the line"));
    }
}

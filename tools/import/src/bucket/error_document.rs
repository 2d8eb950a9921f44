//! What storage says of a request that it refuses.

/// Of an error document (Amazon S3 API Reference, "REST error responses").
pub fn code_and_message(document: &str) -> Option<String> {
    let document = roxmltree::Document::parse(document).ok()?;
    let text = |name: &str| {
        let mut nodes = document.descendants();
        nodes.find(|node| node.has_tag_name(name))?.text()
    };
    Some(match (text("Code")?, text("Message")) {
        (code, Some(message)) => format!("{code}: {message}"),
        (code, None) => code.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_error_document_says_is_told() {
        let document = "<?xml version='1.0'?><Error><Code>NoSuchBucket</Code><Message>The bucket \
                        does not exist</Message><Resource>/x</Resource></Error>";

        let said = code_and_message(document);

        assert_eq!(
            said.as_deref(),
            Some("NoSuchBucket: The bucket does not exist")
        );
        assert_eq!(code_and_message("<html></html>"), None);
        assert_eq!(code_and_message("no document"), None);
    }
}

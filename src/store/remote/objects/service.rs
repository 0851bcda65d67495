//! What a service answers, in words: the code and the message of a document, and what a person can do about it.
//!
//! S3, Google and Azure all answer `<Error><Code>…</Code><Message>…</Message></Error>`.

/// Codes, and what to do about them.
const ADVICE: &[(&[&str], &str)] = &[
    (&["NoSuchBucket"], "there is no such bucket: create it, or correct its name"),
    (&["ContainerNotFound", "ContainerBeingDeleted"], "there is no such container: create it, or correct its name"),
    (&["InvalidBucketName", "InvalidResourceName"], "the service takes no such name for a bucket: correct it"),
    (
        &[
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "AuthenticationFailed",
            "InvalidToken",
            "ExpiredToken",
            "invalid_grant",
        ],
        "the service does not take these credentials: look at the variables that hold them",
    ),
    (
        &["AccessDenied", "AuthorizationFailure", "AuthorizationPermissionMismatch", "InsufficientAccountPermissions"],
        "the credentials do not allow it: ask for the right to list, read and write there",
    ),
    (
        &[
            "PermanentRedirect",
            "AuthorizationHeaderMalformed",
            "IllegalLocationConstraintException",
            "redirect without LOCATION",
        ],
        "the bucket lies in another region: set AWS_REGION to its region",
    ),
    (&["RequestTimeTooSkewed", "RequestExpired"], "this machine's clock is wrong: set it"),
    // Without credentials the library asks the machine it runs on for some, which no reader of its error would guess.
    (
        &["169.254.169.254", "metadata.google.internal"],
        "no credentials are set, and this machine has none of its own: set the variables that hold them",
    ),
];

/// Whether an error says that not only an object, but all around it is not there.
pub(super) fn lacks_bucket(error: &str) -> bool {
    ["NoSuchBucket", "ContainerNotFound"].iter().any(|code| error.contains(code))
}

/// An error of the library in one line, without documents: what to do about it where that is known, then what was said.
pub(super) fn words(error: &str) -> String {
    let (said, document) = match begin_of_document(error) {
        Some(at) => error.split_at(at),
        None => (error, ""),
    };
    let mut said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let answer = answer(document);
    if !answer.is_empty() {
        said = format!("{} {answer}", said.trim_end_matches(':'));
    }
    let known = ADVICE.iter().find(|(codes, _)| codes.iter().any(|code| error.contains(code)));
    match known {
        Some((_, advice)) => format!("{advice} ({said})"),
        None => said,
    }
}

fn begin_of_document(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    ["<?xml", "<error", "<!doctype", "<html"].iter().filter_map(|begin| lower.find(begin)).min()
}

/// The code and message of a document, or what else it is.
fn answer(document: &str) -> String {
    let code = element(document, "Code");
    let message = element(document, "Message");
    match (code, message) {
        (Some(code), Some(message)) => format!("({code}: {message})"),
        (Some(only), None) | (None, Some(only)) => format!("({only})"),
        (None, None) if document.to_ascii_lowercase().contains("<html") => {
            "(with a page for people, so what answers there is a proxy or another service)".to_owned()
        }
        (None, None) => String::new(),
    }
}

/// The first line of an element's text; what follows in Azure's are numbers of the request.
fn element<'a>(document: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let line = text.trim().lines().next().unwrap_or_default().trim();
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_told_in_words() {
        let s3 = "Object at location x not found: Error performing PUT http://host/b/x in 1ms - Server returned non-2xx \
                  status code: 404 Not Found: <?xml version=\"1.0\"?>\n<Error><Code>NoSuchBucket</Code>\
                  <Message>The specified bucket does not exist</Message><BucketName>b</BucketName></Error>";
        assert_eq!(
            words(s3),
            "there is no such bucket: create it, or correct its name (Object at location x not found: Error performing \
             PUT http://host/b/x in 1ms - Server returned non-2xx status code: 404 Not Found (NoSuchBucket: The specified \
             bucket does not exist))"
        );
        let azure = "Generic error: 404: \u{feff}<?xml version=\"1.0\"?><Error><Code>ContainerNotFound</Code>\
                     <Message>The specified container does not exist.\nRequestId:1\nTime:2</Message></Error>";
        assert!(
            words(azure).ends_with("(ContainerNotFound: The specified container does not exist.))"),
            "{}",
            words(azure)
        );
        let page = "status code: 502 Bad Gateway: <!DOCTYPE html>\n<html><body>nginx</body></html>";
        assert!(words(page).contains("502 Bad Gateway (with a page for people"), "{}", words(page));
        assert_eq!(words("status code: 503: <Error></Error>"), "status code: 503:");
        assert_eq!(words("connection\n  refused"), "connection refused");
        assert!(words("GET http://169.254.169.254/x timed out").starts_with("no credentials are set"));
    }
}

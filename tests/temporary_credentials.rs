//! Credentials that run out, and credentials that change.

use serde_json::json;

use crate::harness::app::Launch;
use crate::harness::boto3::Boto3;
use crate::harness::host::is_embedded_without;
use crate::harness::vault::Vault;
use crate::harness::{ScriptedStorage, Step, Storage, TestImage, skip};

#[test]
fn temporary_credentials_serve_images_with_their_token_alone() {
    let storage = Storage::start();
    if storage.server_name() != "minio" {
        return skip("only MinIO hands out temporary credentials");
    }
    let Some(boto3) = Boto3::find() else {
        return;
    };
    let given = boto3.run("assume_role.py", &storage, &json!({}));
    let launch = |token: &str| {
        let text = |name: &str| given[name].as_str().unwrap();
        Launch::on(&storage)
            .variable("s3_access_key_id", text("access_key_id"))
            .variable("s3_secret_access_key", text("secret_access_key"))
            .variable("s3_session_token", token)
    };
    let image = TestImage::of_size(1000);
    storage.put(&image.key, &image.bytes);
    let token = given["session_token"].as_str().unwrap();

    let app = launch(token).start();
    app.record(&image);
    assert_eq!(app.get(&image.path()).bytes(), image.bytes);
    let part = app.request_with("GET", &image.path(), &[("range", "bytes=1-9")]);
    assert_eq!(part.bytes(), &image.bytes[1..10]);

    for wrong in ["", "a.b.c", &token[..token.len() - 4]] {
        let app = launch(wrong).start();
        app.record(&image);
        app.get(&image.path()).assert_storage_error();
        assert!(
            app.cause().contains("s3_session_token"),
            "{wrong:?}: {}",
            app.cause()
        );
    }
}

#[test]
fn an_expired_token_is_a_storage_error_and_the_log_says_what_to_renew() {
    let document = "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>";
    let storage = ScriptedStorage::start([Step::Send(format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n{document}",
        document.len()
    ))]);
    let credentials = ScriptedStorage::credentials();
    let app = Launch::new(storage.endpoint(), "bucket", &credentials)
        .variable("s3_session_token", "a-token-of-yesterday")
        .start();
    let image = TestImage::of_size(10);
    app.record(&image);

    app.get(&image.path()).assert_storage_error();

    assert_eq!(
        app.cause(),
        "storage answered 400 after 1 attempt(s) (ExpiredToken): the temporary credentials have run out; \
         renew s3_access_key_id, s3_secret_access_key and s3_session_token"
    );
    assert_eq!(storage.requests().len(), 1);
}

#[test]
fn new_credentials_of_a_variables_provider_count_from_the_next_request_on() {
    if is_embedded_without("its variables have the values that they had at the start") {
        return;
    }
    let storage = Storage::start();
    let vault = Vault::start();
    vault.set("s3_secret_access_key", "the-secret-of-yesterday");
    let app = Launch::on(&storage)
        .runtime_config(&vault.provider())
        .start();
    let image = TestImage::of_size(1000);
    app.import(&storage, &image);
    app.get(&image.path()).assert_storage_error();

    vault.set(
        "s3_secret_access_key",
        &storage.credentials.secret_access_key,
    );

    assert_eq!(app.get(&image.path()).bytes(), image.bytes);
}

//! What the application finds: its variables, an image's record, and storage's answers.

use crate::bindings::fermyon::{
    spin::sqlite::Value,
    spin_test_virt::{key_value::Store, sqlite::Connection, variables},
    spin_wasi_virt::http_handler::{ResponseHandler, set_response},
};
use crate::bindings::wasi::http::types::{Fields, OutgoingBody, OutgoingResponse};

/// The project's own schema.
const SCHEMA: &str = include_str!("../../../migrations/0001_images.sql");

/// Most bytes that WASI takes in one write.
pub const MAX_WRITE: usize = 4096;

/// An image as its record describes it.
pub struct Image {
    pub id: &'static str,
    pub key: &'static str,
    pub hash: &'static str,
    pub bytes: Vec<u8>,
}

impl Image {
    /// An image of `size` bytes, all different within a stretch of 251.
    pub fn of_size(size: usize) -> Self {
        Self {
            id: "018f3a6e-7c1d-4b7a-9f2e-5d6c7b8a9f01",
            key: "2026/cat.png",
            hash: "0a1b2c3d",
            bytes: (0..251).cycle().take(size).collect(),
        }
    }

    /// Where the application serves it.
    pub fn path(&self) -> String {
        format!("/api/v1/images/{}/file", self.id)
    }

    /// Where storage keeps it.
    pub fn url(&self) -> String {
        format!("http://storage.example:9000/pictures/{}", self.key)
    }
}

/// Sets the variables that have to be set.
pub fn configure() {
    for (name, value) in [
        ("s3_endpoint", "http://storage.example:9000"),
        ("s3_bucket", "pictures"),
        ("s3_access_key_id", "access"),
        ("s3_secret_access_key", "secret"),
    ] {
        variables::set(name, value);
    }
}

/// Makes the table of records.
pub fn create_table() -> Connection {
    let database = Connection::open("default").unwrap();
    database.execute(SCHEMA, &[]).unwrap();
    database
}

/// Puts the image's record into the database.
pub fn record_in_sqlite(image: &Image) {
    let values = [
        Value::Text(image.id.to_owned()),
        Value::Text(image.key.to_owned()),
        Value::Text("image/png".to_owned()),
        Value::Text(image.hash.to_owned()),
        Value::Integer(i64::try_from(image.bytes.len()).unwrap()),
    ];
    create_table()
        .execute("INSERT INTO images VALUES (?, ?, ?, ?, ?)", &values)
        .unwrap();
}

/// Puts the image's record into the key-value store.
pub fn record_in_key_value(image: &Image) {
    let record = format!(
        r#"{{"storage_key":"{}","mime_type":"image/png","hash":"{}","size_bytes":{}}}"#,
        image.key,
        image.hash,
        image.bytes.len()
    );
    Store::open("default").set(&format!("image:{}", image.id), record.as_bytes());
}

/// Lets storage answer the next request for the image in this way.
pub fn storage_answers(image: &Image, status: u16, headers: &[(&str, &str)], body: &[u8]) {
    server_answers(&image.url(), status, headers, body);
}

/// Lets a server answer the next request for this URL in this way.
pub fn server_answers(url: &str, status: u16, headers: &[(&str, &str)], body: &[u8]) {
    let length = body.len().to_string();
    let fields = Fields::new();
    for (name, value) in [("content-length", length.as_str())].iter().chain(headers) {
        fields.append(name, value.as_bytes()).unwrap();
    }
    let response = OutgoingResponse::new(fields);
    response.set_status_code(status).unwrap();
    let outgoing = response.body().unwrap();
    let stream = outgoing.write().unwrap();
    for piece in body.chunks(MAX_WRITE) {
        stream.blocking_write_and_flush(piece).unwrap();
    }
    drop(stream);
    OutgoingBody::finish(outgoing, None).unwrap();
    set_response(url, ResponseHandler::Response(response));
}

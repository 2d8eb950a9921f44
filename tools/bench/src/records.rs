//! Records of images, written as any program writes them: over the application's own route.

use std::net::SocketAddr;

use anyhow::ensure;
use serde_json::json;

use crate::client::client;
use crate::images::Object;

/// Tells the application at `server` of all objects.
///
/// # Errors
/// When it does not take one; the text says what it answered.
pub fn write(server: SocketAddr, token: &str, objects: &[Object]) -> anyhow::Result<()> {
    let client = client()?;
    for object in objects {
        let url = format!("http://{server}/api/v1/images/{}", object.id);
        let answer = client
            .put(url)
            .header("Authorization", format!("Bearer {token}"))
            .header("Content-Type", "application/json")
            .body(of(object))
            .send()?;
        let status = answer.status();
        ensure!(
            status.is_success(),
            "the application does not take the record of {}: {status} {}",
            object.key,
            answer.text().unwrap_or_default()
        );
    }
    Ok(())
}

fn of(object: &Object) -> String {
    let record = json!({
        "storage_key": object.key,
        "mime_type": "image/png",
        "hash": object.hash,
        "size_bytes": object.bytes,
    });
    record.to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_record_says_where_an_image_is_its_hash_and_its_size() {
        let record = of(&Object {
            id: Uuid::nil(),
            key: "a/1.png".into(),
            bytes: 10_000,
            hash: "2c26b46b".into(),
        });

        let record: Value = serde_json::from_str(&record).unwrap();
        assert_eq!(record["storage_key"], "a/1.png");
        assert_eq!(record["hash"], "2c26b46b");
        assert_eq!(record["size_bytes"], 10_000);
    }
}

use std::path::PathBuf;

use s3s::access::{S3Access, S3AccessContext};
use s3s::{S3Result, s3_error};

/// Refuses what is asked of a bucket that is not there. `s3s-fs` does so for some operations alone, and
/// for an upload makes the bucket.
pub(crate) struct KnownBuckets {
    root: PathBuf,
}

impl KnownBuckets {
    pub(crate) fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }
}

#[async_trait::async_trait]
impl S3Access for KnownBuckets {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        // First, so that nobody learns of buckets without a signature.
        if context.credentials().is_none() {
            return Err(s3_error!(AccessDenied, "Signature is required"));
        }
        let Some(bucket) = context.s3_path().get_bucket_name() else {
            return Ok(());
        };
        if context.s3_op().name() == "CreateBucket" || self.root.join(bucket).is_dir() {
            return Ok(());
        }
        Err(s3_error!(NoSuchBucket, "The bucket does not exist"))
    }
}

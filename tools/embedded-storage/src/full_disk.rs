use std::io;

use http::StatusCode;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput, CreateBucketInput,
    CreateBucketOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteBucketInput,
    DeleteBucketOutput, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput,
    DeleteObjectsOutput, GetBucketLocationInput, GetBucketLocationOutput, GetObjectInput,
    GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput,
    ListBucketsInput, ListBucketsOutput, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input,
    ListObjectsV2Output, ListPartsInput, ListPartsOutput, PutObjectInput, PutObjectOutput,
    UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result};
use s3s_fs::FileSystem;

/// The files, which say so when their disk is full.
pub(crate) struct Files(pub(crate) FileSystem);

/// Hands every operation on that `s3s-fs` has.
macro_rules! hand_on {
    ($($operation:ident: $input:ident -> $output:ident;)*) => {
        #[async_trait::async_trait]
        impl S3 for Files {
            $(async fn $operation(
                &self,
                request: S3Request<$input>,
            ) -> S3Result<S3Response<$output>> {
                self.0.$operation(request).await.map_err(told)
            })*
        }
    };
}

hand_on! {
    abort_multipart_upload: AbortMultipartUploadInput -> AbortMultipartUploadOutput;
    complete_multipart_upload: CompleteMultipartUploadInput -> CompleteMultipartUploadOutput;
    copy_object: CopyObjectInput -> CopyObjectOutput;
    create_bucket: CreateBucketInput -> CreateBucketOutput;
    create_multipart_upload: CreateMultipartUploadInput -> CreateMultipartUploadOutput;
    delete_bucket: DeleteBucketInput -> DeleteBucketOutput;
    delete_object: DeleteObjectInput -> DeleteObjectOutput;
    delete_objects: DeleteObjectsInput -> DeleteObjectsOutput;
    get_bucket_location: GetBucketLocationInput -> GetBucketLocationOutput;
    get_object: GetObjectInput -> GetObjectOutput;
    head_bucket: HeadBucketInput -> HeadBucketOutput;
    head_object: HeadObjectInput -> HeadObjectOutput;
    list_buckets: ListBucketsInput -> ListBucketsOutput;
    list_objects: ListObjectsInput -> ListObjectsOutput;
    list_objects_v2: ListObjectsV2Input -> ListObjectsV2Output;
    list_parts: ListPartsInput -> ListPartsOutput;
    put_object: PutObjectInput -> PutObjectOutput;
    upload_part: UploadPartInput -> UploadPartOutput;
    upload_part_copy: UploadPartCopyInput -> UploadPartCopyOutput;
}

/// The error as the client sees it; of a full disk, whoever runs the storage is told too.
fn told(error: S3Error) -> S3Error {
    let cause = error.source().and_then(|source| source.downcast_ref());
    match cause.filter(|cause| is_full(cause)) {
        Some(cause) => {
            eprintln!("error: the disk of the storage is full: {cause}");
            insufficient_storage()
        }
        None => error,
    }
}

fn is_full(cause: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(cause.kind(), StorageFull | QuotaExceeded)
}

/// Amazon S3 is never full and has no code for it. The status is that of RFC 4918 section 11.5, which
/// clients do not try again, as they would a 500.
fn insufficient_storage() -> S3Error {
    let mut error = S3Error::with_message(
        S3ErrorCode::Custom("InsufficientStorage".into()),
        "The disk of the storage is full: free some of it, and try again",
    );
    error.set_status_code(StatusCode::INSUFFICIENT_STORAGE);
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_used_up_quota_are_told_and_other_causes_are_left_alone() {
        for (kind, code, status) in [
            (io::ErrorKind::StorageFull, "InsufficientStorage", 507),
            (io::ErrorKind::QuotaExceeded, "InsufficientStorage", 507),
            (io::ErrorKind::PermissionDenied, "InternalError", 500),
            (io::ErrorKind::FileTooLarge, "InternalError", 500),
        ] {
            let error = told(S3Error::internal_error(io::Error::from(kind)));

            assert_eq!(error.code().as_str(), code, "{kind}");
            let answered = error.status_code().map(|status| status.as_u16());
            assert_eq!(answered, Some(status), "{kind}");
        }
        let without_cause = told(S3Error::new(S3ErrorCode::NoSuchKey));
        assert_eq!(without_cause.code(), &S3ErrorCode::NoSuchKey);
    }
}

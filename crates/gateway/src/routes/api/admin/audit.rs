//! `/api/admin/audit`: what administrators have changed.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use carlo_rest::account::{AuditRecord, AuditRecords};
use carlo_wire::v1;
use tokio_stream::StreamExt;

use super::secrets::each;
use crate::api_call::ApiCall;
use crate::concurrency::Permit;
use crate::openapi::shared::Page;
use crate::problem::Failure;
use crate::query::Paging;
use crate::{convert, line_json, media_type};

const JSON: &str = "application/json";
const JSON_LINES: &str = "application/jsonl";

#[utoipa::path(
    get,
    path = "/api/admin/audit",
    operation_id = "listAudit",
    tag = "admin",
    summary = "What administrators have changed, the latest first",
    description = "For administrators. Keys, join tokens, tiers, drains, and what was done to other users' jobs and batches. The last 10,000 records are kept. As JSON it is a page of at most 100; as JSON lines (`Accept: application/jsonl`) it is all of them, one a line.",
    params(Page),
    responses(
        (status = 200, description = "A page, or every record", content(
            (AuditRecords = "application/json"),
            (AuditRecord = "application/jsonl"),
        )),
        (status = 406, description = "It is sent as JSON or lines of JSON only"),
    ),
)]
pub(crate) async fn list(
    call: ApiCall,
    Paging { page, page_size }: Paging,
    headers: HeaderMap,
    Extension(permit): Extension<Permit>,
) -> Result<Response, Failure> {
    if media_type::choose(&headers, &[(JSON, false), (JSON_LINES, true)])? {
        let records = call.streaming().export_audit(v1::ExportAuditRequest {}).await?;
        let lines = records.map(move |record| {
            let _permit = &permit;
            record.map_err(std::io::Error::other).and_then(line)
        });
        return Ok(([(CONTENT_TYPE, JSON_LINES)], Body::from_stream(lines)).into_response());
    }
    let list = call.rpcs().list_audit(v1::ListAuditRequest { page, page_size }).await?;
    let records = each(list.records, convert::account::audit_record)?;
    Ok(Json(AuditRecords { records, total: list.total, page, page_size }).into_response())
}

fn line(record: v1::AuditRecord) -> std::io::Result<String> {
    let record = convert::account::audit_record(record).map_err(std::io::Error::other)?;
    Ok(line_json::to_string(&record)? + "\n")
}

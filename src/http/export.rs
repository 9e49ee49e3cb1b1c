//! The download page of an export: GET shows a button, POST sends the archive, once (R30).

use super::Web;
use super::html::{self, Form, fault, gone};
use super::problem::{self, Kind, Wants};
use super::rest::Problems;
use crate::actions::{Refusal, export};
use crate::graphql::errors::log_fault;
use crate::http::slow_clients::Connection;
use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::{HttpRequest, HttpResponse, web};
use futures::stream;
use std::rc::Rc;

const TITLE: &str = "Your export";

/// Shows the download button, since link scanners must not use the token up.
pub async fn form() -> HttpResponse {
    let sentences = [
        "Press the button to download your file. That works once; afterwards it is thrown away here."
            .to_owned(),
        "Keep it where only you can read it, and then leave this page: its button works no more.".to_owned(),
    ];
    html::form_onward(TITLE, &sentences, Form { button: "Download", password: None, one_click: false })
}

/// Hands an export out, and throws it away when all of it was taken.
#[utoipa::path(
    post, path = "/export/{token}", tag = "account", operation_id = "downloadExport",
    params(("token" = String, Path, description = "From `createExportDownload`.")),
    responses((status = 200, description = "The archive.", content_type = "application/zip", body = Vec<u8>), Problems)
)]
pub async fn download(request: HttpRequest, web: web::Data<Web>, token: web::Path<String>) -> HttpResponse {
    let wants = Wants::of(&request);
    let fetching = match (export::take(&web.context, &token).await, wants) {
        (Ok(fetching), _) => fetching,
        (Err(Refusal::Problems(_) | Refusal::Repeated), Wants::Page) => return gone(),
        (Err(Refusal::Problems(_) | Refusal::Repeated), Wants::Json) => return problem::plain(Kind::Gone),
        (Err(Refusal::Fault(cause)), Wants::Page) => return fault(TITLE, &cause),
        (Err(Refusal::Fault(cause)), Wants::Json) => return problem::internal(&cause),
    };
    let connection = request.conn_data::<Rc<Connection>>().cloned();
    let pieces = stream::try_unfold((fetching, connection), |(mut fetching, connection)| async move {
        // The server asks for the next piece only while the client reads, however slowly.
        if let Some(connection) = &connection {
            connection.flows();
        }
        match fetching.next().await {
            Ok(Some(piece)) => Ok(Some((web::Bytes::from(piece), (fetching, connection)))),
            Ok(None) => Ok(None),
            Err(cause) => Err(std::io::Error::other(format!("internal error {}", log_fault(&cause)))),
        }
    });
    HttpResponse::Ok()
        .content_type("application/zip")
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"export.zip\""))
        .streaming(Box::pin(pieces))
}

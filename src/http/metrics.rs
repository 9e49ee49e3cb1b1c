//! The metrics listener: OpenMetrics text and health checks, on an address apart from the public one.

use super::health;
use super::limits::HttpLimits;
use crate::actions::AppContext;
use crate::actions::operations::watch;
use crate::metrics::CONTENT_TYPE;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use tokio::sync::Mutex;

/// How long a count of the queue is reused, so that several scrapers cost no more than one.
const COUNT_LIFE: SignedDuration = SignedDuration::from_secs(5);

/// What the routes need.
#[derive(Clone)]
pub struct Watch {
    context: Arc<AppContext>,
    limits: HttpLimits,
    /// When the queue was last counted. Locked during a count, so that only one runs at a time.
    counted_at: Arc<Mutex<Option<Timestamp>>>,
}

impl Watch {
    /// The data for the metrics of this context.
    pub fn new(context: Arc<AppContext>, limits: HttpLimits) -> Self {
        Self { context, limits, counted_at: Arc::default() }
    }

    async fn count_queue(&self) {
        let mut counted_at = self.counted_at.lock().await;
        let now = self.context.clock.now();
        if counted_at.is_some_and(|at| now.duration_since(at) < COUNT_LIFE) {
            return;
        }
        let depth = watch::queue_depth(&self.context).await;
        if let Err(cause) = &depth {
            tracing::error!(%cause, "the queue could not be counted");
        }
        self.context.metrics.queue_counted(depth.ok());
        *counted_at = Some(now);
    }
}

/// The middleware of the listener: refuses hosts that are not its own, so that no site can read it by a name that leads
/// here.
pub async fn known_host<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let known =
        request.app_data::<web::Data<Watch>>().is_some_and(|watch| watch.limits.watches(request.request()));
    if !known {
        let answer =
            HttpResponse::build(StatusCode::MISDIRECTED_REQUEST).body("This listener has another name.");
        return Ok(request.into_response(answer.map_into_right_body()));
    }
    Ok(next.call(request).await?.map_into_left_body())
}

/// Registers the routes of the metrics listener.
pub fn watch_routes(config: &mut web::ServiceConfig, watch: &Watch) {
    config
        .app_data(web::Data::new(watch.clone()))
        .app_data(web::Data::new(Arc::clone(&watch.context)))
        .route("/metrics", web::get().to(metrics))
        .route("/healthz", web::get().to(health::healthz))
        .route("/healthz", web::head().to(health::healthz))
        .route("/readyz", web::get().to(health::readyz))
        .route("/readyz", web::head().to(health::readyz));
}

async fn metrics(watch: web::Data<Watch>) -> HttpResponse {
    watch.count_queue().await;
    match watch.context.metrics.render() {
        Ok(text) => HttpResponse::Ok().insert_header((header::CONTENT_TYPE, CONTENT_TYPE)).body(text),
        Err(cause) => {
            tracing::error!(%cause, "the metrics could not be written");
            HttpResponse::InternalServerError().finish()
        }
    }
}

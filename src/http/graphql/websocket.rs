//! GraphQL over WebSocket (`graphql-transport-ws`), for subscriptions only: queries and mutations go by POST, with its
//! statuses, idempotency keys and caches.
//!
//! The service closes a socket with 4403 when its token or session ends, and with 1001 when the process stops. Clients
//! then reconnect, with a new token and from their last cursor.

use crate::actions::auth::session::{self, Bearer};
use crate::actions::metered::with_meter;
use crate::auth::Requester;
use crate::auth::network::Network;
use crate::graphql::errors::{ErrorCode, log_fault};
use crate::graphql::{AccessToken, Asker, limits, prepare};
use crate::http::graphql::body::{body_of, errors, has_code};
use crate::http::graphql::request::{Parameters, Unfit, bearer_token, token};
use crate::http::limits::{Permit, is_from_here};
use crate::http::slow_clients::{Busy, Connection};
use crate::http::{Web, client};
use actix_web::guard::GuardContext;
use actix_web::http::header::{SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use actix_web::{Error, HttpRequest, HttpResponse, web};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Session};
use async_graphql::Response;
use futures::stream::{AbortHandle, Abortable, BoxStream, SelectAll, StreamExt, once};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::rc::Rc;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::Instrument;

/// The subprotocol.
const PROTOCOL: &str = "graphql-transport-ws";

/// Why the service closes a socket: with the protocol's own code, or RFC 6455's where it has none.
#[derive(Clone, Copy)]
enum Close {
    BadMessage,
    Unauthorized,
    Forbidden,
    InitTimeout,
    SubscriberExists,
    SecondInit,
    GoingAway,
    TryLater,
    Fault,
}

impl Close {
    fn reason(self) -> CloseReason {
        let (code, sentence) = match self {
            Self::BadMessage => (4400, "Invalid message"),
            Self::Unauthorized => (4401, "Unauthorized"),
            Self::Forbidden => (4403, "Forbidden"),
            Self::InitTimeout => (4408, "Connection initialisation timeout"),
            Self::SubscriberExists => (4409, "Subscriber already exists"),
            Self::SecondInit => (4429, "Too many initialisation requests"),
            Self::GoingAway => (1001, "Going away"),
            Self::TryLater => (1013, "Too many connections of this account"),
            Self::Fault => (1011, "internal error"),
        };
        CloseReason { code: CloseCode::from(code), description: Some(sentence.to_owned()) }
    }
}

/// Why a conversation ends.
enum End {
    /// The service closes it.
    Close(Close),
    /// The client is gone, or does not read.
    Gone,
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}

/// A client's message.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Message {
    ConnectionInit { payload: Option<Value> },
    Ping {},
    Pong {},
    Subscribe { id: String, payload: Parameters },
    Complete { id: String },
}

/// Whether a request asks for a WebSocket.
pub fn is_asked_for(context: &GuardContext<'_>) -> bool {
    let upgrade = context.head().headers().get(UPGRADE).and_then(|value| value.to_str().ok());
    upgrade.is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
}

/// Opens a socket; for a page of another site none.
pub async fn open(
    request: HttpRequest,
    web: web::Data<Web>,
    body: web::Payload,
) -> Result<HttpResponse, Error> {
    if !is_from_here(&request) {
        return Ok(HttpResponse::Forbidden().body("A page of another origin follows nothing here."));
    }
    let (response, session, messages) = actix_ws::handle_with_protocols(&request, body, &[PROTOCOL])?;
    if !response.headers().contains_key(SEC_WEBSOCKET_PROTOCOL) {
        return Ok(HttpResponse::BadRequest().body("The subprotocol is graphql-transport-ws."));
    }
    let messages = messages.max_frame_size(limits::BODY).aggregate_continuations();
    let now = Instant::now();
    let socket = Socket {
        header: token(&request).map(str::to_owned),
        network: client::network(&request, &web.proxies),
        _busy: request.conn_data::<Rc<Connection>>().map(Connection::busy),
        ask_at: now + web.limits.ping,
        init_by: now + web.limits.head,
        web,
        session: session.clone(),
        person: None,
        active: HashMap::new(),
        responses: SelectAll::new(),
        unanswered: false,
    };
    let conversation = async move {
        if let End::Close(close) = socket.converse(messages.max_continuation_size(limits::BODY)).await {
            // An error means that the client is gone already.
            let _ = session.close(Some(close.reason())).await;
        }
    };
    drop(actix_web::rt::spawn(conversation.instrument(tracing::Span::current())));
    Ok(response)
}

/// A response of the subscription with that id; `None`: it is complete.
type Tagged = (String, Option<Response>);

/// An open socket.
struct Socket {
    web: web::Data<Web>,
    session: Session,
    network: Network,
    /// The token of the request, for clients that can send headers.
    header: Option<String>,
    /// The requester with their token and permit, once `connection_init` was accepted.
    person: Option<(Requester, String, Permit)>,
    active: HashMap<String, AbortHandle>,
    responses: SelectAll<BoxStream<'static, Tagged>>,
    /// The deadline of `connection_init`.
    init_by: Instant,
    /// When the next ping is due.
    ask_at: Instant,
    /// Whether a ping was sent and no message has come since.
    unanswered: bool,
    _busy: Option<Busy>,
}

impl Socket {
    async fn converse(mut self, mut messages: AggregatedMessageStream) -> End {
        let closed = self.web.context.feeds.closed();
        tokio::pin!(closed);
        loop {
            let step = tokio::select! {
                message = messages.recv() => match message {
                    Some(Ok(message)) => {
                        self.unanswered = false;
                        self.hear(message).await
                    }
                    Some(Err(_)) | None => Err(End::Gone),
                },
                // Each event has a meter of its own: a stream goes on for long.
                Some((id, response)) = with_meter(self.web.context.new_meter(None), self.responses.next()), if !self.responses.is_empty() => {
                    self.answer(id, response).await
                }
                () = sleep_until(self.init_by), if self.person.is_none() => Err(Close::InitTimeout.into()),
                () = sleep_until(self.ask_at) => self.ask().await,
                () = &mut closed => Err(Close::GoingAway.into()),
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// Sends a ping; a client that did not answer the last one is gone.
    async fn ask(&mut self) -> Result<(), End> {
        if std::mem::replace(&mut self.unanswered, true) {
            return Err(End::Gone);
        }
        self.ask_at = Instant::now() + self.web.limits.ping;
        self.session.ping(b"").await.map_err(|_| End::Gone)
    }

    /// Sends a message; a client that does not read it within the stall limit is gone.
    async fn say(&mut self, message: &Value) -> Result<(), End> {
        match timeout(self.web.limits.stall, self.session.text(message.to_string())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }

    async fn hear(&mut self, message: AggregatedMessage) -> Result<(), End> {
        let text = match message {
            AggregatedMessage::Text(text) => text,
            AggregatedMessage::Ping(bytes) => {
                return self.session.pong(&bytes).await.map_err(|_| End::Gone);
            }
            AggregatedMessage::Pong(_) => return Ok(()),
            AggregatedMessage::Binary(_) => return Err(Close::BadMessage.into()),
            AggregatedMessage::Close(_) => return Err(End::Gone),
        };
        match serde_json::from_str(&text).map_err(|_| Close::BadMessage)? {
            Message::ConnectionInit { payload } => self.begin(payload).await,
            Message::Ping {} => self.say(&json!({ "type": "pong" })).await,
            Message::Pong {} => Ok(()),
            Message::Subscribe { id, payload } => self.subscribe(id, payload).await,
            Message::Complete { id } => {
                self.forget(&id);
                Ok(())
            }
        }
    }

    /// Handles `connection_init`: the token is in its payload as `{"Authorization": "Bearer …"}`, or in the request's
    /// header.
    async fn begin(&mut self, payload: Option<Value>) -> Result<(), End> {
        if self.person.is_some() {
            return Err(Close::SecondInit.into());
        }
        let said = payload.as_ref().and_then(Value::as_object).and_then(|fields| {
            let named = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
            bearer_token(named?.1.as_str()?)
        });
        let token = said.or(self.header.as_deref()).unwrap_or_default().to_owned();
        let requester = match session::authenticate(&self.web.context, &token).await {
            Ok(Bearer::Live(requester)) => requester,
            Ok(Bearer::Nobody | Bearer::Ended(..)) => return Err(Close::Forbidden.into()),
            Err(fault) => {
                log_fault(&fault);
                return Err(Close::Fault.into());
            }
        };
        let permit = self.web.following.acquire(requester.account, self.web.limits.following);
        self.person = Some((requester, token, permit.ok_or(Close::TryLater)?));
        self.say(&json!({ "type": "connection_ack" })).await
    }

    async fn subscribe(&mut self, id: String, parameters: Parameters) -> Result<(), End> {
        let Some((requester, token, _)) = &self.person else { return Err(Close::Unauthorized.into()) };
        if id.is_empty() || id.chars().count() > limits::SUBSCRIPTION_ID {
            return Err(Close::BadMessage.into());
        }
        if self.active.contains_key(&id) {
            return Err(Close::SubscriberExists.into());
        }
        let refused = |sentence: &str, code| Err(errors(sentence, code));
        let fit = match parameters.read(&self.web.documents) {
            _ if self.active.len() >= limits::SUBSCRIPTIONS => {
                refused("Too many subscriptions on this connection.", ErrorCode::TryLater)
            }
            Ok(fit) => fit.subscription().ok_or_else(|| {
                let sentence = "Here are subscriptions only. Send queries and mutations by POST.";
                errors(sentence, ErrorCode::BadRequest)
            }),
            Err(Unfit::Form(sentence)) => refused(sentence, ErrorCode::BadRequest),
            Err(Unfit::Content(answer) | Unfit::Untrusted(answer)) => Err(answer),
        };
        let request = match fit {
            Ok(request) => request,
            Err(answer) => return self.refuse(&id, &answer).await,
        };
        let asker = Asker { requester: Some(*requester), network: self.network, key: None };
        let request = prepare(request, &self.web.context, asker).data(AccessToken(token.clone()));
        let responses = self.web.schema.execute_stream(request).map(Some).chain(once(async { None }));
        let (stop, stopped) = AbortHandle::new_pair();
        let name = id.clone();
        let named = responses.map(move |response| (name.clone(), response));
        self.responses.push(Abortable::new(named, stopped).boxed());
        self.active.insert(id, stop);
        Ok(())
    }

    async fn refuse(&mut self, id: &str, answer: &Value) -> Result<(), End> {
        self.forget(id);
        self.say(&json!({ "id": id, "type": "error", "payload": answer["errors"] })).await
    }

    fn forget(&mut self, id: &str) {
        if let Some(stop) = self.active.remove(id) {
            stop.abort();
        }
    }

    async fn answer(&mut self, id: String, response: Option<Response>) -> Result<(), End> {
        let Some(response) = response else {
            self.forget(&id);
            return self.say(&json!({ "id": id, "type": "complete" })).await;
        };
        if has_code(&response, ErrorCode::Unauthenticated) {
            return Err(Close::Forbidden.into());
        }
        let over = response.is_err() && response.data == async_graphql::Value::Null;
        let body = body_of(response, true).ok().and_then(|body| serde_json::from_slice(&body).ok());
        let body: Value = body.ok_or(Close::Fault)?;
        match over {
            true => self.refuse(&id, &body).await,
            false => self.say(&json!({ "id": id, "type": "next", "payload": body })).await,
        }
    }
}

//! The network that a request comes from, for rate limits; it is never stored or logged (R35).

use super::Web;
use crate::actions::Visitor;
use crate::auth::network::{Network, TrustedProxies};
use actix_web::HttpRequest;

/// The client's network, by its address or the headers of trusted proxies.
pub fn network(request: &HttpRequest, proxies: &TrustedProxies) -> Network {
    let Some(peer) = request.peer_addr() else { return Network::NONE };
    let lines = |name: &'static str| request.headers().get_all(name).filter_map(|line| line.to_str().ok());
    Network::of(proxies.client(peer.ip(), lines("x-forwarded-for"), lines("forwarded")))
}

/// The client of a page.
pub fn visitor(request: &HttpRequest, web: &Web) -> Visitor {
    Visitor { network: network(request, &web.proxies), key: None }
}

//! The home query written by hand, without GraphQL: the same reads, the same JSON.

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse, web};
use evenkeel::actions::AppContext;
use evenkeel::actions::accounts::account;
use evenkeel::actions::auth::session;
use evenkeel::actions::check_ins::check_in::{self, Filter};
use evenkeel::actions::links::partner_link;
use evenkeel::actions::links::revisions::{self, RevisionText};
use evenkeel::actions::scenes::view;
use evenkeel::domain::keyset_page::KeysetPage;
use evenkeel::domain::negotiation::{self, RevisionState};
use evenkeel::ids::RevisionId;
use evenkeel::store::check_in::Span;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Serialize)]
struct Home {
    viewer: Viewer,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Viewer {
    account: Account,
    partner_links: Vec<Link>,
    check_ins: Nodes<CheckIn>,
    scenes: Nodes<Scene>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    display_name: String,
    zone: String,
    paused: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    id: String,
    state: String,
    me: Me,
    partner: Option<Partner>,
    agreed_revision: Option<Revision>,
}

#[derive(Serialize)]
struct Me {
    role: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Partner {
    display_name: String,
    role: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Revision {
    id: String,
    number: i32,
    state: String,
    content_hash: String,
    terms: Terms,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Terms {
    stop_signal: String,
    protocol: Vec<CheckInTime>,
}

#[derive(Serialize)]
struct CheckInTime {
    sentence: String,
}

#[derive(Serialize)]
struct Nodes<T> {
    nodes: Vec<T>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckIn {
    id: String,
    state: String,
    due_at: String,
    closes_at: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Scene {
    id: String,
    state: String,
    intensity: Option<i32>,
    ended_at: Option<String>,
}

fn terms_of(texts: &HashMap<RevisionId, RevisionText>, id: RevisionId) -> &negotiation::Terms {
    &texts[&id].as_ref().unwrap().terms.as_ref().unwrap().0
}

fn word(word: &str) -> String {
    word.to_ascii_uppercase()
}

/// The handler.
pub async fn home(request: HttpRequest, context: web::Data<Arc<AppContext>>) -> HttpResponse {
    let header = request.headers().get(AUTHORIZATION).unwrap().to_str().unwrap();
    let bearer = session::authenticate(&context, header.strip_prefix("Bearer ").unwrap()).await.unwrap();
    let Some(requester) = bearer.requester() else { return HttpResponse::Unauthorized().finish() };
    let me = requester.account;
    let person = account::me(&context, me).await.unwrap();
    let links = partner_link::list(&context, me, false).await.unwrap();
    let asked = links.iter().map(|link| link.id).collect();
    let outlines = revisions::outlines(&context, me, asked).await.unwrap();
    let agreed = outlines.values().flatten().filter(|revision| revision.state == RevisionState::Agreed);
    let agreed: HashMap<_, _> = agreed.map(|revision| (revision.link, revision)).collect();
    let asked = agreed.values().map(|revision| (revision.link, revision.id)).collect();
    let texts = revisions::texts(&context, me, asked).await.unwrap();
    let coming = Filter { span: Some(Span::Coming), states: None };
    let coming = check_in::page(&context, me, coming, KeysetPage::first(6, None)).await.unwrap();
    let scenes = view::all(&context, me, None, KeysetPage::first(2, None)).await.unwrap();
    let partner_links = links.into_iter().map(|link| {
        let agreed = agreed.get(&link.id);
        Link {
            id: link.id.to_string(),
            state: word(link.status.word()),
            me: Me { role: word(link.mine.role.word()) },
            partner: link.partners.map(|side| Partner {
                display_name: side.display_name.unwrap(),
                role: word(side.role.word()),
            }),
            agreed_revision: agreed.map(|revision| Revision {
                id: revision.id.to_string(),
                number: revision.number,
                state: word(revision.state.word()),
                content_hash: revision.content_hash.clone(),
                terms: Terms {
                    stop_signal: terms_of(&texts, revision.id).stop_signal.clone(),
                    protocol: terms_of(&texts, revision.id)
                        .protocol
                        .times()
                        .iter()
                        .map(|time| CheckInTime { sentence: time.sentence() })
                        .collect(),
                },
            }),
        }
    });
    let check_ins = coming.into_iter().take(5).map(|view| CheckIn {
        id: view.id.to_string(),
        state: word(view.state.word()),
        due_at: view.times.due_at.to_string(),
        closes_at: view.times.closes_at.to_string(),
    });
    let last = scenes.into_iter().take(1).map(|view| Scene {
        id: view.id.to_string(),
        state: word(view.status.word()),
        intensity: view.intensity,
        ended_at: view.ended_at.map(|at| at.to_string()),
    });
    let viewer = Viewer {
        account: Account {
            display_name: person.display_name().unwrap(),
            zone: person.row.zone.clone(),
            paused: person.row.reach().is_paused(context.clock.now()),
        },
        partner_links: partner_links.collect(),
        check_ins: Nodes { nodes: check_ins.collect() },
        scenes: Nodes { nodes: last.collect() },
    };
    HttpResponse::Ok().json(Home { viewer })
}

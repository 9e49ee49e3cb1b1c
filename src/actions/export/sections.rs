//! The sections of an export: all data of one person, a page at a time.

use crate::actions::accounts::journal;
use crate::actions::accounts::people::Person;
use crate::actions::accounts::solo_plan;
use crate::actions::check_ins::check_in::{self, CheckInView, PartnersCheckIn};
use crate::actions::links::partner_link;
use crate::actions::links::revisions::{self, RevisionView};
use crate::actions::nudges::device::open_subscription;
use crate::actions::scenes::debrief;
use crate::actions::scenes::view::{self, SceneView};
use crate::actions::{AppContext, Fault};
use crate::domain::answer::AnswerContent;
use crate::domain::keyset_page::KeysetPage;
use crate::domain::negotiation::{Needs, PersonsNeeds};
use crate::domain::protocol::CheckInProtocol;
use crate::domain::quiet_hours::spelled_minute;
use crate::ids::{AccountId, JournalEntryId, LinkId, NudgeId, SceneId, TypedId};
use crate::store;
use crate::store::types::Ts;
use crate::vault::Aad;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// Scenes, entries or nudges per page.
const PAGE: i64 = 50;

/// The sections of an export, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// The profile.
    Account,
    /// Statements and consents.
    Statements,
    /// Signed-in devices.
    Sessions,
    /// Devices that receive push.
    Devices,
    /// Factors besides the password.
    Factors,
    /// Address requests, such as confirmations and password resets.
    AddressRequests,
    /// The requested erasure.
    Erasures,
    /// The links, with the person's own side of each.
    Links,
    /// The Revisions, agreed or proposed.
    Revisions,
    /// The scenes with aftercare, outreach and check-ins.
    Scenes,
    /// The journal.
    Journal,
    /// Nudges to the person, sent or waiting.
    Nudges,
}

impl Section {
    /// All sections, in their order.
    pub const ALL: [Self; 12] = [
        Self::Account,
        Self::Statements,
        Self::Sessions,
        Self::Devices,
        Self::Factors,
        Self::AddressRequests,
        Self::Erasures,
        Self::Links,
        Self::Revisions,
        Self::Scenes,
        Self::Journal,
        Self::Nudges,
    ];

    /// The section's name in the JSON file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Statements => "statements",
            Self::Sessions => "sessions",
            Self::Devices => "devices",
            Self::Factors => "factors",
            Self::AddressRequests => "addressRequests",
            Self::Erasures => "erasures",
            Self::Links => "links",
            Self::Revisions => "revisions",
            Self::Scenes => "scenes",
            Self::Journal => "journal",
            Self::Nudges => "nudges",
        }
    }

    /// Whether it is one object instead of a list.
    pub fn is_single(self) -> bool {
        self == Self::Account
    }
}

/// Where the next page of a section begins.
#[derive(Clone, Copy, Debug, Default)]
pub struct SectionCursor {
    /// Index into the person's links.
    link: usize,
    scene: Option<(Timestamp, SceneId)>,
    entry: Option<(Timestamp, JournalEntryId)>,
    nudge: Option<(Timestamp, NudgeId)>,
}

/// A page of a section and the cursor of the next; None: it was the last.
pub type SectionPage = (Vec<Value>, Option<SectionCursor>);

/// Reads one person's data, and of partners only what that person is shown anyway.
pub struct Reader {
    context: Arc<AppContext>,
    person: Person,
    links: Vec<LinkId>,
}

impl Reader {
    /// A reader for an account; None if it is gone.
    pub async fn open(context: &Arc<AppContext>, account: AccountId) -> Result<Option<Self>, Fault> {
        let keeper = Arc::clone(context);
        context
            .read_tx(move |tx| {
                let Some(row) = store::account::find(tx.db, account)? else { return Ok(None) };
                let person = Person::open(tx.vault, row)?;
                let links = store::partner_link::list(tx.db, account, true, i64::MAX)?;
                let links = links.into_iter().map(|link| link.id).collect();
                Ok(Some(Self { context: keeper, person, links }))
            })
            .await
    }

    /// The person.
    pub fn person(&self) -> &Person {
        &self.person
    }

    fn me(&self) -> AccountId {
        self.person.row.id
    }

    /// `"me"` or `"partner"`.
    fn who(&self, account: AccountId) -> &'static str {
        if account == self.me() { "me" } else { "partner" }
    }

    /// A page of a section.
    ///
    /// # Errors
    /// A row cannot be read or opened: an export is complete, or there is none.
    pub async fn page(&self, section: Section, at: SectionCursor) -> Result<SectionPage, Fault> {
        let whole = |values| Ok((values, None));
        match section {
            Section::Account => whole(vec![self.account().await?]),
            Section::Statements => whole(self.statements().await?),
            Section::Sessions => whole(self.sessions().await?),
            Section::Devices => whole(self.devices().await?),
            Section::Factors => whole(self.factors().await?),
            Section::AddressRequests => whole(self.address_requests().await?),
            Section::Erasures => whole(self.erasures().await?),
            Section::Links => whole(self.links().await?),
            Section::Revisions => self.revisions(at).await,
            Section::Scenes => self.scenes(at).await,
            Section::Journal => self.journal(at).await,
            Section::Nudges => self.nudges(at).await,
        }
    }

    async fn account(&self) -> Result<Value, Fault> {
        let plan = solo_plan::mine(&self.context, self.me()).await??;
        let row = &self.person.row;
        let reach = row.reach();
        let quiet = reach.rhythm.quiet.map(
            |quiet| json!({ "from": spelled_minute(quiet.from()), "until": spelled_minute(quiet.until()) }),
        );
        Ok(json!({
            "id": row.id.to_string(),
            "email": self.person.email()?,
            "displayName": self.person.display_name()?,
            "zone": row.zone,
            "quietHours": quiet,
            "defaultSharing": row.default_share,
            "pushWanted": row.push,
            "mailWanted": row.mail,
            "pausedUntil": reach.paused_until,
            "addressFailedAt": row.address_failed_at.map(|at| at.get()),
            "onHoldSince": row.held_at.map(|at| at.get()),
            "soloPlan": { "needs": plan.needs.as_ref().map(needs), "protocol": spelled(&plan.protocol) },
            "createdAt": row.created_at.get(),
        }))
    }

    async fn statements(&self) -> Result<Vec<Value>, Fault> {
        let me = self.me();
        let rows = self.context.read_tx(move |tx| Ok(store::account::consents(tx.db, me)?)).await?;
        let statement = |row: store::account::ConsentRow| {
            json!({
                "kind": row.kind, "version": row.version, "givenAt": row.given_at.get(),
                "withdrawnAt": row.withdrawn_at.map(|at| at.get()),
            })
        };
        Ok(rows.into_iter().map(statement).collect())
    }

    async fn sessions(&self) -> Result<Vec<Value>, Fault> {
        let me = self.me();
        let rows = self.context.read_tx(move |tx| Ok(store::session::all(tx.db, me)?)).await?;
        let session = |row: store::session::SessionRow| {
            let aad = Aad::new("sessions", "label", row.id.uuid());
            Ok(json!({
                "label": self.person.key.open_text(aad, &row.label)?,
                "createdAt": row.created_at.get(),
                "lastUsedAt": row.last_used_at.get(),
                "endedAt": row.ended_at.map(|at| at.get()),
                "provedAt": row.proved_at.map(|at| at.get()),
                "copiedAt": row.reused_at.map(|at| at.get()),
            }))
        };
        rows.into_iter().map(session).collect()
    }

    async fn devices(&self) -> Result<Vec<Value>, Fault> {
        let me = self.me();
        let rows = self.context.read_tx(move |tx| Ok(store::device::all(tx.db, me)?)).await?;
        let device = |(row, signed_out): (store::device::DeviceRow, Option<Ts>)| {
            let aad = Aad::new("devices", "label", row.id.uuid());
            let subscription = open_subscription(&self.person, &row)?;
            Ok(json!({
                "label": self.person.key.open_text(aad, &row.label)?,
                "endpoint": subscription.endpoint,
                "fullerWords": subscription.fuller_words,
                "createdAt": row.created_at.get(),
                "endedAt": row.ended_at.into_iter().chain(signed_out).min().map(|at| at.get()),
            }))
        };
        rows.into_iter().map(device).collect()
    }

    /// Only times and names; never a secret.
    async fn factors(&self) -> Result<Vec<Value>, Fault> {
        let me = self.me();
        let rows = self.context.read_tx(move |tx| {
            let app = store::totp::find(tx.db, me)?;
            Ok((app, store::recovery_code::list(tx.db, me)?, store::passkey::list(tx.db, me)?))
        });
        let (app, codes, passkeys) = rows.await?;
        let app = app.map(|row| {
            json!({
                "kind": "app", "label": null, "createdAt": row.created_at.get(),
                "confirmedAt": row.confirmed_at.map(|at| at.get()), "usedAt": null,
            })
        });
        let codes = codes.into_iter().map(|row| {
            json!({
                "kind": "recoveryCode", "label": null, "createdAt": row.created_at.get(),
                "confirmedAt": null, "usedAt": row.used_at.map(|at| at.get()),
            })
        });
        let passkey = |row: store::passkey::PasskeyRow| {
            let aad = Aad::new("passkeys", "label", row.id.uuid());
            Ok(json!({
                "kind": "passkey", "label": self.person.key.open_text(aad, &row.label)?,
                "createdAt": row.created_at.get(), "confirmedAt": null,
                "usedAt": row.last_used_at.map(|at| at.get()),
            }))
        };
        app.into_iter().chain(codes).map(Ok).chain(passkeys.into_iter().map(passkey)).collect()
    }

    async fn address_requests(&self) -> Result<Vec<Value>, Fault> {
        let index = self.person.row.email_index.clone();
        let rows =
            self.context.read_tx(move |tx| Ok(store::address_request::of_address(tx.db, &index)?)).await?;
        let request = |row: store::address_request::AddressRequestRow| {
            json!({
                "purpose": row.purpose, "createdAt": row.created_at.get(), "expiresAt": row.expires_at.get(),
                "usedAt": row.used_at.map(|at| at.get()),
            })
        };
        Ok(rows.into_iter().map(request).collect())
    }

    async fn erasures(&self) -> Result<Vec<Value>, Fault> {
        let me = self.me();
        let row = self.context.read_tx(move |tx| Ok(store::erasure::find(tx.db, me)?)).await?;
        let erasure = |row: store::erasure::ErasureRow| json!({ "requestedAt": row.requested_at.get(), "eraseAt": row.erase_at.get() });
        Ok(row.into_iter().map(erasure).collect())
    }

    async fn links(&self) -> Result<Vec<Value>, Fault> {
        let mut links = Vec::with_capacity(self.links.len());
        for ids in self.links.chunks(100) {
            let (me, ids) = (self.me(), ids.to_vec());
            let views = self.context.read_tx(move |tx| {
                let rows = store::partner_link::find_all(tx.db, &ids)?;
                let written = store::partner_link::members(tx.db, &ids)?;
                let views = partner_link::views(tx, rows.clone(), me)?;
                let pleas = store::plea::of_author(tx.db, &ids, me, Timestamp::UNIX_EPOCH.into(), i64::MAX)?;
                Ok((rows, written, views, pleas))
            });
            let (rows, members, views, pleas) = views.await?;
            let plea = |row: &store::plea::PleaRow| {
                json!({
                    "scene": row.scene_id.map(|id| id.to_string()),
                    "createdAt": row.created_at.get(),
                    "takenBackAt": row.taken_back_at.map(|at| at.get()),
                })
            };
            for view in views {
                let own = members.iter().find(|m| m.link_id == view.id && m.account_id == me);
                let row = rows.iter().find(|row| row.id == view.id);
                let side = |side: partner_link::SideView| {
                    Ok::<_, Fault>(json!({ "displayName": side.display_name?, "role": side.role }))
                };
                links.push(json!({
                    "id": view.id.to_string(),
                    "status": view.status,
                    "invitedByMe": row.is_some_and(|row| row.inviter_id == Some(me)),
                    "createdAt": view.created_at,
                    "invitationExpiresAt": row.and_then(|row| row.code_expires_at).map(|at| at.get()),
                    "activeAt": view.active_at,
                    "endedAt": view.ended_at,
                    "partner": view.partners.map(side).transpose()?,
                    "myRole": view.mine.role,
                    "partnerAlertAllowed": view.mine.alert_allowed,
                    "pleasAtNight": view.mine.pleas_at_night,
                    "myPleas": pleas.iter().filter(|plea| plea.link_id == view.id).map(plea).collect::<Vec<_>>(),
                    "myNeeds": view.mine.needs?.as_ref().map(needs),
                    "promiseCountWanted": own.is_some_and(|own| own.promise_count_wanted),
                    "needsWrittenAt": own.and_then(|own| own.needs_written_at).map(|at| at.get()),
                }));
            }
        }
        Ok(links)
    }

    async fn revisions(&self, at: SectionCursor) -> Result<SectionPage, Fault> {
        let Some(link) = self.links.get(at.link) else { return Ok((Vec::new(), None)) };
        let views = revisions::read(&self.context, self.me(), *link).await?;
        let values = views.iter().map(|view| self.revision(view)).collect::<Result<_, _>>()?;
        Ok((values, Some(SectionCursor { link: at.link + 1, ..at })))
    }

    /// The partner's words in a text that the person never agreed to belong to the partner and are left out.
    fn revision(&self, view: &RevisionView) -> Result<Value, Fault> {
        let content = view.whole()?;
        let me = Some(self.me());
        let agreed = view.outline.agreements.iter().any(|yes| Some(yes.account) == me);
        let part = |own: bool| content.needs.iter().find(|part| (part.account == me) == own);
        let words = |part: Option<&PersonsNeeds>| part.and_then(|p| p.needs.as_ref()).map(needs);
        let terms = &content.terms;
        let yeses = view.outline.agreements.iter().map(|yes| {
            json!({ "whose": self.who(yes.account), "agreedAt": yes.agreed_at, "withdrawnAt": yes.withdrawn_at })
        });
        Ok(json!({
            "link": view.outline.link.to_string(),
            "number": view.outline.number,
            "proposedBy": view.outline.author.map(|author| self.who(author)),
            "createdAt": view.outline.created_at,
            "state": view.outline.state,
            "contentHash": view.outline.content_hash,
            "myNeeds": words(part(true)),
            "partnersNeeds": if agreed { words(part(false)) } else { None },
            "terms": (agreed || view.outline.author == me).then(|| json!({
                "limits": terms.limits,
                "stopSignal": terms.stop_signal,
                "protocol": spelled(&terms.protocol),
                "contactPlan": terms.contact_plan,
                "partnerAlert": terms.partner_alert,
            })),
            "agreements": yeses.collect::<Vec<_>>(),
        }))
    }

    async fn scenes(&self, at: SectionCursor) -> Result<SectionPage, Fault> {
        // Those of each link, and at last those of the person alone.
        let link = self.links.get(at.link).copied();
        if link.is_none() && at.link > self.links.len() {
            return Ok((Vec::new(), None));
        }
        let (me, after) = (self.me(), at.scene);
        let page = self.context.read_tx(move |tx| {
            let page = KeysetPage::first(PAGE, after);
            let rows = match link {
                Some(link) => store::scene::page(tx.db, link, None, page)?,
                None => store::scene::page_alone(tx.db, me, None, page)?,
            };
            // `views` fails on a scene without the reader; both people of a link are in each of its scenes.
            let authors: Vec<_> = rows.iter().map(|row| (row.id, row.created_by)).collect();
            Ok((authors, view::views(tx, rows, me)?))
        });
        let (authors, views) = page.await?;
        let Some(last) = views.last().map(|view| (view.created_at, view.id)) else {
            return Ok((Vec::new(), Some(SectionCursor { link: at.link + 1, scene: None, ..at })));
        };
        let ids: Vec<_> = views.iter().map(|view| view.id).collect();
        let debriefs = debrief::of_scenes(&self.context, me, Vec::clone(&ids)).await?;
        let sides = check_in::of_scenes(&self.context, me, ids).await?;
        let mut values = Vec::with_capacity(views.len());
        for view in &views {
            let by = authors.iter().find(|(id, _)| *id == view.id).and_then(|(_, author)| *author);
            let sides = sides.iter().find(|(id, _)| *id == view.id).map(|(_, sides)| sides);
            let mine = sides.map(|sides| sides.mine.as_slice()).unwrap_or_default();
            let partners = sides.map(|sides| sides.partners.as_slice()).unwrap_or_default();
            let mut value = self.scene(view, by, mine, partners)?;
            let written = debriefs.iter().find(|debrief| debrief.scene == view.id);
            let own = written.and_then(|debrief| debrief.mine.clone());
            let own = own
                .map(|(text, at)| Ok::<_, Fault>(json!({ "text": text?, "writtenAt": at })))
                .transpose()?;
            value["myDebrief"] = json!(own);
            let partners = written.and_then(|debrief| debrief.partners.clone());
            value["partnersDebrief"] = json!(partners.transpose()?);
            values.push(value);
        }
        Ok((values, Some(SectionCursor { scene: Some(last), ..at })))
    }

    fn scene(
        &self,
        view: &SceneView,
        by: Option<AccountId>,
        mine: &[CheckInView],
        partners: &[PartnersCheckIn],
    ) -> Result<Value, Fault> {
        let aftercare = view.aftercare.iter().map(|entry| {
            let content = entry.content.as_ref().map_err(|error| *error)?.as_ref();
            Ok(json!({
                "recordedBy": entry.recorded_by.map(|account| self.who(account)),
                "createdAt": entry.created_at,
                "givenBy": content.map(|content| content.given_by),
                "comforts": content.map(|content| &content.comforts),
                "minutes": content.and_then(|content| content.minutes),
                "note": content.map(|content| &content.note),
            }))
        });
        let outreaches = view.outreaches.iter().map(|entry| {
            json!({
                "whose": self.who(entry.account), "way": entry.way, "happenedAt": entry.happened_at,
                "createdAt": entry.created_at,
            })
        });
        let partners = partners.iter().filter_map(|entry| {
            let shared = entry.shared.as_ref()?.content.as_ref().map_err(|error| *error);
            Some(shared.map(|shared| {
                json!({ "dueAt": entry.due_at, "mood": shared.mood, "rest": shared.rest.as_ref().map(answer) })
            }))
        });
        Ok(json!({
            "id": view.id.to_string(),
            "link": view.link.map(|id| id.to_string()),
            "recordedByMe": by == Some(self.me()),
            "createdAt": view.created_at,
            "status": view.status,
            "setting": view.setting,
            "intensity": view.intensity,
            "plannedFor": view.planned_for,
            "startedAt": view.started_at,
            "endedAt": view.ended_at,
            "partedAt": view.parted_at,
            "revision": view.revision.map(|id| id.to_string()),
            "myRole": view.my_role,
            "partnerRole": view.partner_role,
            "partnerAlertAllowed": view.alert_allowed,
            "aftercare": aftercare.collect::<Result<Vec<_>, Fault>>()?,
            "outreaches": outreaches.collect::<Vec<_>>(),
            "myCheckIns": mine.iter().map(own_check_in).collect::<Result<Vec<_>, Fault>>()?,
            "partnersAnswers": partners.collect::<Result<Vec<_>, _>>()?,
        }))
    }

    async fn journal(&self, at: SectionCursor) -> Result<SectionPage, Fault> {
        let views = journal::page(&self.context, self.me(), None, KeysetPage::first(PAGE, at.entry)).await?;
        let Some(last) = views.last().map(|view| (view.written_at, view.id)) else {
            return Ok((Vec::new(), None));
        };
        let entry = |view: journal::JournalView| {
            Ok(json!({
                "id": view.id.to_string(), "scene": view.scene.map(|id| id.to_string()), "text": view.text?,
                "writtenAt": view.written_at, "editedAt": view.edited_at,
            }))
        };
        let values = views.into_iter().map(entry).collect::<Result<_, Fault>>()?;
        Ok((values, Some(SectionCursor { entry: Some(last), ..at })))
    }

    async fn nudges(&self, at: SectionCursor) -> Result<SectionPage, Fault> {
        let (me, after) = (self.me(), at.nudge);
        let page = self.context.read_tx(move |tx| {
            let rows = store::message::page_of_nudges(tx.db, me, KeysetPage::first(PAGE, after))?;
            let messages = store::message::around(tx.db, rows.clone())?;
            let leading: Vec<_> = messages.iter().filter_map(|message| Some(message.first()?.id)).collect();
            let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
            let attempts = store::nudge::attempts(tx.db, &ids)?;
            let check_ins: Vec<_> = rows.iter().filter_map(|row| row.check_in_id).collect();
            let own: Vec<_> = store::check_in::find_all(tx.db, &check_ins)?;
            let own: Vec<_> = own.into_iter().filter(|row| row.subject_id == me).map(|row| row.id).collect();
            Ok((rows, leading, attempts, own))
        });
        let (rows, leading, attempts, own) = page.await?;
        let Some(last) = rows.last().map(|row| (row.send_at.get(), row.id)) else {
            return Ok((Vec::new(), None));
        };
        let nudge = |(row, message): (&store::nudge::NudgeRow, &NudgeId)| {
            let tries = attempts.iter().filter(|attempt| attempt.nudge_id == row.id).map(|attempt| {
                json!({
                    "toDevice": attempt.device_id.is_some(), "outcome": attempt.outcome,
                    "statusCode": attempt.status_code, "finishedAt": attempt.finished_at.get(),
                })
            });
            // The round of a partner's check-in would reveal a snooze (R11).
            let round = row.check_in_id.filter(|id| own.contains(id)).map(|_| row.round);
            json!({
                "id": row.id.to_string(),
                "message": message.to_string(),
                "kind": row.kind.word(),
                "channel": row.channel,
                "checkIn": row.check_in_id.filter(|id| own.contains(id)).map(|id| id.to_string()),
                "round": round,
                "state": row.state,
                "dropReason": row.drop_reason,
                "createdAt": row.created_at.get(),
                "dueAt": row.due_at.get(),
                "sendAt": row.send_at.get(),
                "expiresAt": row.expires_at.get(),
                "finishedAt": row.finished_at.map(|at| at.get()),
                "attempts": tries.collect::<Vec<_>>(),
            })
        };
        Ok((rows.iter().zip(&leading).map(nudge).collect(), Some(SectionCursor { nudge: Some(last), ..at })))
    }
}

/// The times of a protocol.
fn spelled(protocol: &CheckInProtocol) -> Vec<String> {
    protocol.times().iter().map(|time| time.word()).collect()
}

fn needs(needs: &Needs) -> Value {
    json!({
        "comforts": needs.comforts,
        "avoid": needs.avoid,
        "grounding": needs.grounding,
        "foodAndDrink": needs.food_and_drink,
        "words": needs.words,
        "contact": needs.contact,
        "nearness": needs.nearness,
        "anythingElse": needs.anything_else,
    })
}

fn answer(content: &AnswerContent) -> Value {
    json!({ "mood": content.mood, "signs": content.signs, "need": content.need, "note": content.note })
}

fn own_check_in(view: &CheckInView) -> Result<Value, Fault> {
    let answered = view.answer.as_ref().map(|given| {
        let mut value = answer(given.content.as_ref().map_err(|error| *error)?);
        value["sharing"] = json!(given.share);
        value["answeredAt"] = json!(given.answered_at);
        Ok::<_, Fault>(value)
    });
    Ok(json!({
        "id": view.id.to_string(),
        "time": view.times.time.word(),
        "dueAt": view.times.due_at,
        "closesAt": view.times.closes_at,
        "state": view.state,
        "snoozedUntil": view.snoozed_until,
        "answer": answered.transpose()?,
    }))
}

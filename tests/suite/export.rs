//! Export: everything that is kept about a person and nothing of anybody else, downloaded once, then deleted.

use crate::support::care::on_day;
use crate::support::care::{DAY, HOUR};
use crate::support::dump;
use crate::support::people::{PASSWORD, text};
use crate::support::together::{ALEXS, SAMS, together};
use crate::support::{Couple, Person, TestApp};
use evenkeel::actions::export;
use evenkeel::domain::hand_over::LEASE_MAX;
use evenkeel::store::{Db, StoreError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Read;

const REQUEST: &str =
    "mutation { requestExport { status export { state expiresAt } problems { field code } } }";
const FETCH: &str =
    "mutation { createExportDownload { status download { path expiresAt } problems { field code } } }";
const LOOK: &str = "{ viewer { export { state readyAt size } } }";

async fn request(app: &TestApp, person: &Person) -> Value {
    person.ask(app, REQUEST, json!({})).await["requestExport"].clone()
}

async fn fetch(app: &TestApp, person: &Person) -> Value {
    person.ask(app, FETCH, json!({})).await["createExportDownload"].clone()
}

async fn look(app: &TestApp, person: &Person) -> Value {
    person.ask(app, LOOK, json!({})).await["viewer"]["export"].clone()
}

async fn prove(app: &TestApp, person: &Person) {
    person.done(app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
}

/// Requests an export and has it made; returns its path.
async fn path(app: &TestApp, person: &Person) -> String {
    prove(app, person).await;
    assert_eq!(request(app, person).await["status"], "DONE");
    assert_eq!(export::make_due(&app.app.context).await.unwrap(), 1);
    let fetched = fetch(app, person).await;
    assert_eq!(fetched["status"], "DONE", "{fetched}");
    format!("{}{}", app.url, text(&fetched["download"]["path"]))
}

async fn download(app: &TestApp, path: &str) -> (u16, Vec<u8>) {
    let answer = app.http.post(path).send().await.unwrap();
    (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
}

/// The files of an archive.
fn unpack(archive: Vec<u8>) -> BTreeMap<String, String> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
    let mut files = BTreeMap::new();
    for n in 0..archive.len() {
        let mut file = archive.by_index(n).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        files.insert(file.name().unwrap().into_owned(), text);
    }
    files
}

/// A person's export: the JSON file, which fits its schema, and the page.
async fn take_out(app: &TestApp, person: &Person) -> (Value, String) {
    let (status, archive) = download(app, &path(app, person).await).await;
    assert_eq!(status, 200);
    let mut files = unpack(archive);
    assert_eq!(files.keys().collect::<Vec<_>>(), ["export.html", "export.json", "export.schema.json"]);
    let json: Value = serde_json::from_str(&files["export.json"]).unwrap();
    let schema: Value = serde_json::from_str(&files["export.schema.json"]).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<_> = validator.iter_errors(&json).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    (json, files.remove("export.html").unwrap())
}

/// Alex and Sam with everything that a person can have in the service.
async fn everything(app: &TestApp) -> Couple {
    let couple = app.couple().await;
    let scene = together(app, &couple).await;
    let Couple { alex, sam, link } = &couple;
    couple.allow_alert(app, alex, true).await;
    // What Sam says here is for Sam alone, and nobody agrees to the text that Sam proposes.
    app.pass_minutes(DAY).await;
    let due = couple.check_ins(app, sam, &scene).await.remove(1);
    let answer = json!({ "checkInId": due["id"], "mood": 2, "note": "for me alone", "sharing": "NOTHING" });
    sam.done(app, "answerCheckIn", answer, "").await;
    sam.done(app, "writeNeeds", json!({ "linkId": link, "needs": { "words": "not said yet" } }), "").await;
    let query = "{ viewer { partnerLinks { latestRevision { id } } } }";
    let latest =
        sam.ask(app, query, json!({})).await["viewer"]["partnerLinks"][0]["latestRevision"]["id"].clone();
    let terms = json!({ "stopSignal": "green", "limits": "a draft of mine" });
    let input = json!({ "linkId": link, "basedOn": latest, "terms": terms });
    sam.done(app, "proposeRevision", input, "").await;
    for (person, back, alone) in
        [(alex, "Alex looks back", "Alex's own page"), (sam, "Sam looks back", "Sam's own page")]
    {
        person.done(app, "writeDebrief", json!({ "sceneId": scene, "text": back }), "").await;
        person.done(app, "writeJournalEntry", json!({ "sceneId": scene, "text": alone }), "").await;
    }
    prove(app, alex).await;
    alex.ask(app, "mutation { beginTotp { setup { secret } } }", json!({})).await;
    let plan = json!({ "needs": { "words": "Alex is kind to himself" }, "protocol": [on_day(1, "09:00")] });
    alex.done(app, "writeSoloPlan", plan, "").await;
    let now = app.clock.now().to_string();
    alex.done(app, "recordScene", json!({ "solo": true, "setting": "IN_PERSON", "endedAt": now }), "").await;
    let later = (app.clock.now() + jiff::SignedDuration::from_hours(9)).to_string();
    let plan = json!({ "linkId": link, "plannedFor": later, "setting": "IN_PERSON", "partedAt": later });
    let planned = text(&alex.done(app, "planScene", plan, "scene { id }").await["scene"]["id"]);
    alex.done(app, "askPartner", json!({ "partnerOf": { "sceneId": planned } }), "").await;
    alex.done(app, "setSceneAlert", json!({ "sceneId": planned, "alertPermission": "ALLOW" }), "").await;
    alex.done(app, "invitePartner", json!({ "role": "SWITCH" }), "").await;
    let reset = "mutation($e: String!) { requestPasswordReset(input: { email: $e }) { status } }";
    app.anonymous(reset, json!({ "e": alex.email })).await;
    app.deliver().await;
    couple
}

/// Where an export contains a column, or why none does.
enum Decision {
    In(&'static str),
    Not(&'static str),
}
use Decision::{In, Not};

const SECRET: Decision = Not("a secret by which the service knows or opens something, or a keyed hash");
const KEY: Decision = Not("an id that ties rows together: the export ties them by place");
const OURS: Decision = Not("the service's own, of nobody");
/// See `docs/sync.md`.
const FEED: Decision = Not("a pointer to an object that is in the export itself");
const ASIDE: Decision = Not("passing state of the machinery, which tells nothing of the person");

/// Every column of the database. A new one needs a decision here: personal data belongs into the export (and into
/// `docs/export.schema.json`); for anything else, say why not.
#[rustfmt::skip]
const DECISIONS: &[(&str, Decision)] = &[
    ("accounts.id", In("account.id")), ("accounts.email_index", SECRET), ("accounts.email", In("account.email")),
    ("accounts.display_name", In("account.displayName")), ("accounts.password_hash", SECRET), ("accounts.data_key", SECRET),
    ("accounts.zone", In("account.zone")), ("accounts.quiet_from", In("account.quietHours.from")),
    ("accounts.quiet_until", In("account.quietHours.until")), ("accounts.default_share", In("account.defaultSharing")),
    ("accounts.push", In("account.pushWanted")), ("accounts.mail", In("account.mailWanted")),
    ("accounts.paused_until", In("account.pausedUntil")), ("accounts.address_failed_at", In("account.addressFailedAt?")),
    ("accounts.created_at", In("account.createdAt")), ("accounts.held_at", In("account.onHoldSince?")),
    ("accounts.link_epoch", ASIDE),
    ("accounts.utc_offset", Not("follows from the zone, which is in the export")),
    ("consents.id", KEY), ("consents.account_id", KEY), ("consents.kind", In("statements.kind")),
    ("consents.version", In("statements.version")), ("consents.given_at", In("statements.givenAt")),
    ("consents.withdrawn_at", In("statements.withdrawnAt?")),
    ("address_requests.id", SECRET), ("address_requests.account_id", KEY), ("address_requests.purpose", In("addressRequests.purpose")),
    ("address_requests.email_index", SECRET), ("address_requests.email", In("account.email")),
    ("address_requests.details", Not("what became the account, until the address was confirmed")),
    ("address_requests.token_hash", SECRET), ("address_requests.created_at", In("addressRequests.createdAt")),
    ("address_requests.expires_at", In("addressRequests.expiresAt")), ("address_requests.used_at", In("addressRequests.usedAt")),
    ("sessions.id", KEY), ("sessions.account_id", KEY), ("sessions.label", In("sessions.label")),
    ("sessions.created_at", In("sessions.createdAt")), ("sessions.last_used_at", In("sessions.lastUsedAt")),
    ("sessions.ended_at", In("sessions.endedAt?")), ("sessions.reused_at", In("sessions.copiedAt?")), ("sessions.proved_at", In("sessions.provedAt")),
    ("refresh_tokens.id", KEY), ("refresh_tokens.session_id", KEY), ("refresh_tokens.token_hash", SECRET),
    ("refresh_tokens.issued_at", ASIDE), ("refresh_tokens.expires_at", ASIDE), ("refresh_tokens.replaced_at", ASIDE),
    ("refresh_tokens.predecessor_id", KEY), ("refresh_tokens.attempt_hash", SECRET), ("refresh_tokens.given_again_at", ASIDE),
    ("devices.id", KEY), ("devices.account_id", KEY), ("devices.session_id", KEY), ("devices.endpoint_index", SECRET),
    ("devices.subscription", In("devices.endpoint")), ("devices.label", In("devices.label")),
    ("devices.created_at", In("devices.createdAt")), ("devices.ended_at", In("devices.endedAt?")),
    ("partner_links.id", In("links.id")), ("partner_links.status", In("links.status")), ("partner_links.data_key", SECRET),
    ("partner_links.inviter_id", In("links.invitedByMe")), ("partner_links.code_hash", SECRET),
    ("partner_links.code_expires_at", In("links.invitationExpiresAt")), ("partner_links.pair", KEY),
    ("partner_links.created_at", In("links.createdAt")), ("partner_links.active_at", In("links.activeAt")),
    ("partner_links.ended_at", In("links.endedAt?")),
    ("link_members.link_id", KEY), ("link_members.account_id", KEY), ("link_members.role", In("links.myRole")),
    ("link_members.alert_allowed", In("links.partnerAlertAllowed")), ("link_members.needs", In("links.myNeeds.words")),
    ("link_members.needs_written_at", In("links.needsWrittenAt")),
    ("revisions.id", In("scenes.revision")), ("revisions.link_id", In("revisions.link")),
    ("revisions.number", In("revisions.number")), ("revisions.author_id", In("revisions.proposedBy")),
    ("revisions.content", In("revisions.terms.protocol")), ("revisions.content_hash", In("revisions.contentHash")),
    ("revisions.created_at", In("revisions.createdAt")), ("revisions.final_state", In("revisions.state")),
    ("revision_parts.revision_id", KEY), ("revision_parts.account_id", KEY), ("revision_parts.side", KEY),
    ("revision_parts.content", In("revisions.myNeeds.words")),
    ("agreements.id", KEY), ("agreements.revision_id", KEY), ("agreements.account_id", In("revisions.agreements.whose")),
    ("agreements.content_hash", In("revisions.contentHash")), ("agreements.agreed_at", In("revisions.agreements.agreedAt")),
    ("agreements.withdrawn_at", In("revisions.agreements.withdrawnAt?")),
    ("solo_plans.account_id", KEY), ("solo_plans.content", In("account.soloPlan.needs.words")),
    ("solo_plans.written_at", ASIDE),
    ("scenes.id", In("scenes.id")), ("scenes.link_id", In("scenes.link")), ("scenes.status", In("scenes.status")),
    ("scenes.setting", In("scenes.setting")), ("scenes.intensity", In("scenes.intensity")),
    ("scenes.planned_for", In("scenes.plannedFor")), ("scenes.started_at", In("scenes.startedAt")),
    ("scenes.ended_at", In("scenes.endedAt")), ("scenes.parted_at", In("scenes.partedAt")), ("scenes.parting_said_at", ASIDE), ("scenes.revision_id", In("scenes.revision")),
    ("scenes.created_by", In("scenes.recordedByMe")), ("scenes.created_at", In("scenes.createdAt")),
    ("scene_members.scene_id", KEY), ("scene_members.account_id", KEY), ("scene_members.role", In("scenes.myRole")),
    ("scene_members.alert_allowed", In("scenes.partnerAlertAllowed")),
    ("aftercare.id", KEY), ("aftercare.scene_id", KEY), ("aftercare.recorded_by", In("scenes.aftercare.recordedBy")),
    ("aftercare.content", In("scenes.aftercare.note")), ("aftercare.created_at", In("scenes.aftercare.createdAt")),
    ("check_ins.id", In("scenes.myCheckIns.id")), ("check_ins.scene_id", KEY), ("check_ins.link_id", KEY),
    ("check_ins.subject_id", KEY), ("check_ins.offset_minutes", In("scenes.myCheckIns.time")),
    ("check_ins.check_in_time", In("scenes.myCheckIns.time")), ("check_ins.ended_at", In("scenes.endedAt")),
    ("check_ins.due_at", In("scenes.myCheckIns.dueAt")), ("check_ins.closes_at", In("scenes.myCheckIns.closesAt")),
    ("check_ins.state", In("scenes.myCheckIns.state")), ("check_ins.snoozed_until", In("scenes.myCheckIns.snoozedUntil?")),
    ("check_ins.round", In("nudges.round")), ("check_ins.answer", In("scenes.myCheckIns.answer.note")),
    ("check_ins.share", In("scenes.myCheckIns.answer.sharing")), ("check_ins.answered_at", In("scenes.myCheckIns.answer.answeredAt")),
    ("check_ins.created_at", In("scenes.endedAt")),
    ("outreaches.id", KEY), ("outreaches.scene_id", KEY), ("outreaches.account_id", In("scenes.outreaches.whose")),
    ("outreaches.way", In("scenes.outreaches.way")), ("outreaches.happened_at", In("scenes.outreaches.happenedAt")),
    ("outreaches.created_at", In("scenes.outreaches.createdAt")),
    ("nudges.id", In("nudges.id")), ("nudges.key", KEY), ("nudges.rung", In("nudges.kind")), ("nudges.channel", In("nudges.channel")),
    ("nudges.recipient_id", KEY), ("nudges.check_in_id", In("nudges.checkIn")), ("nudges.address_request_id", KEY),
    ("nudges.round", In("nudges.round")), ("nudges.send_at", In("nudges.sendAt")), ("nudges.expires_at", In("nudges.expiresAt")),
    ("nudges.state", In("nudges.state")), ("nudges.drop_reason", In("nudges.dropReason")), ("nudges.attempts", ASIDE),
    ("nudges.leased_by", ASIDE), ("nudges.lease_until", ASIDE), ("nudges.created_at", In("nudges.createdAt")),
    ("nudges.finished_at", In("nudges.finishedAt")), ("nudges.due_at", In("nudges.dueAt")), ("nudges.device_id", ASIDE),
    ("nudges.attempts_forgiven", ASIDE),
    ("attempts.id", KEY), ("attempts.nudge_id", KEY), ("attempts.device_id", In("nudges.attempts.toDevice")),
    ("attempts.outcome", In("nudges.attempts.outcome")), ("attempts.status_code", In("nudges.attempts.statusCode")),
    ("attempts.finished_at", In("nudges.attempts.finishedAt")),
    ("link_members.name_at_end", Not("one's own name as the partner goes on reading it after the end: account.displayName of then")),
    ("link_members.promise_count_wanted", In("links.promiseCountWanted")),
    ("link_members.pleas_at_night", In("links.pleasAtNight")), ("nudges.plea_id", KEY), ("pleas.id", KEY), ("pleas.link_id", KEY),
    ("pleas.scene_id", In("links.myPleas.scene?")), ("pleas.author_id", KEY), ("pleas.created_at", In("links.myPleas.createdAt")),
    ("pleas.taken_back_at", In("links.myPleas.takenBackAt?")), ("check_ins.postponed_until", ASIDE), ("check_ins.heard_from", ASIDE), ("nudges.message_key", In("nudges.message")),
    ("nudges.lane", ASIDE), ("devices.lane", SECRET), ("devices.rests_until", ASIDE),
    ("check_ins.share_before", ASIDE), ("check_ins.shared_from", ASIDE),
    ("totp_factors.account_id", KEY), ("totp_factors.secret", SECRET), ("totp_factors.created_at", In("factors.createdAt")),
    ("totp_factors.confirmed_at", In("factors.confirmedAt?")), ("totp_factors.last_step", ASIDE),
    ("totp_factors.wrong_codes", ASIDE), ("totp_factors.wrong_since", ASIDE),
    ("recovery_codes.code_hash", SECRET), ("recovery_codes.account_id", KEY),
    ("recovery_codes.created_at", In("factors.createdAt")), ("recovery_codes.used_at", In("factors.usedAt?")),
    ("log_in_challenges.token_hash", SECRET), ("log_in_challenges.account_id", KEY), ("log_in_challenges.label", ASIDE),
    ("log_in_challenges.password_mark", SECRET), ("log_in_challenges.wrong_codes", ASIDE), ("log_in_challenges.expires_at", ASIDE), ("log_in_challenges.known_device", ASIDE),
    ("passkeys.id", KEY), ("passkeys.account_id", KEY), ("passkeys.credential_index", SECRET), ("passkeys.credential", SECRET),
    ("passkeys.label", In("factors.label?")), ("passkeys.created_at", In("factors.createdAt")), ("passkeys.last_used_at", In("factors.usedAt?")),
    ("passkey_ceremonies.token_hash", SECRET), ("passkey_ceremonies.account_id", KEY), ("passkey_ceremonies.state", SECRET),
    ("passkey_ceremonies.expires_at", ASIDE),
    ("debriefs.scene_id", KEY), ("debriefs.account_id", KEY), ("debriefs.content", In("scenes.myDebrief.text")),
    ("debriefs.written_at", In("scenes.myDebrief.writtenAt")),
    ("journal_entries.id", In("journal.id")), ("journal_entries.account_id", KEY), ("journal_entries.scene_id", In("journal.scene")),
    ("journal_entries.content", In("journal.text")), ("journal_entries.written_at", In("journal.writtenAt")),
    ("journal_entries.edited_at", In("journal.editedAt?")), ("journal_entries.created_at", In("journal.writtenAt")),
    ("house_secrets.id", OURS), ("house_secrets.secret", OURS), ("key_renewals.owner", OURS), ("key_renewals.reached", OURS),
    ("key_checks.name", OURS), ("key_checks.sealed", OURS),
    ("idempotency_keys.key_hash", SECRET), ("idempotency_keys.body_hash", SECRET),
    ("idempotency_keys.response", Not("an answer of the last day; what it said is here")),
    ("idempotency_keys.created_at", ASIDE), ("idempotency_keys.secret_until", ASIDE), ("idempotency_keys.account_id", KEY),
    ("client_ids.account_id", KEY), ("client_ids.client_hash", SECRET), ("client_ids.noun", ASIDE), ("client_ids.object_id", KEY),
    ("page_tokens.token_hash", SECRET), ("page_tokens.purpose", ASIDE), ("page_tokens.account_id", KEY),
    ("page_tokens.number", ASIDE), ("page_tokens.check_in_id", KEY), ("page_tokens.session_id", KEY), ("page_tokens.link_epoch", ASIDE), ("page_tokens.created_at", ASIDE), ("page_tokens.expires_at", ASIDE), ("page_tokens.attempt_hash", SECRET), ("page_tokens.round", ASIDE),
    ("erasures.account_id", KEY), ("erasures.requested_at", In("erasures.requestedAt?")),
    ("erasures.erase_at", In("erasures.eraseAt?")), ("erasures.boot_id", ASIDE), ("erasures.boot_ms", ASIDE),
    ("write_checks.id", OURS), ("write_checks.checked_at", OURS), ("zone_rules.id", OURS), ("zone_rules.version", OURS), ("clock_marks.id", OURS), ("clock_marks.wall_at", OURS), ("clock_marks.boot_id", OURS), ("clock_marks.boot_ms", OURS),
    ("clock_marks.advance_ms", OURS),
    ("erased.account_hash", OURS), ("erased.erased_at", OURS),
    ("feeds.account_id", KEY), ("feeds.told", ASIDE),
    ("changes.id", KEY), ("changes.account_id", KEY), ("changes.kind", FEED), ("changes.object_id", FEED),
    ("changes.check_in_id", FEED), ("changes.number", ASIDE), ("changes.told_at", FEED),
    ("exports.id", ASIDE), ("exports.account_id", KEY), ("exports.state", ASIDE), ("exports.requested_at", ASIDE),
    ("exports.ready_at", ASIDE), ("exports.expires_at", ASIDE), ("exports.size", ASIDE), ("exports.attempts", ASIDE),
    ("exports.lease_until", ASIDE), ("exports.token_hash", SECRET), ("exports.token_expires_at", ASIDE),
    ("export_chunks.id", ASIDE), ("export_chunks.export_id", KEY), ("export_chunks.number", ASIDE),
    ("export_chunks.content", Not("the export itself")),
];

/// Every value at a path of names, through lists.
fn at<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    if let Value::Array(entries) = value {
        return entries.iter().flat_map(|entry| at(entry, path)).collect();
    }
    match path.split_once('.') {
        _ if path.is_empty() => vec![value],
        Some((name, rest)) => value.get(name).map(|below| at(below, rest)).unwrap_or_default(),
        None => value
            .get(path)
            .map(|found| if found.is_array() { at(found, "") } else { vec![found] })
            .unwrap_or_default(),
    }
}

#[test]
fn the_schema_of_an_export_knows_every_kind_of_nudge() {
    let schema = include_str!("../../docs/export.schema.json");
    let lists = schema.split("\"enum\": [").skip(1).map(|rest| rest.split(']').next().unwrap());
    let kinds: Vec<_> = lists.filter(|list| list.contains("\"reset_password\"")).collect();
    assert_eq!(kinds.len(), 2, "nudges and address requests");
    for list in kinds {
        for kind in evenkeel::domain::nudge::NudgeKind::all() {
            assert!(list.contains(&format!("\"{}\"", kind.word())), "{} is missing", kind.word());
        }
    }
}

on_both_databases! {
    async fn an_export_holds_all_that_is_kept_of_the_person_and_nothing_that_is_anothers(app) {
        let couple = everything(&app).await;
        let Couple { alex, sam, .. } = &couple;
        let (json, html) = take_out(&app, alex).await;
        let all = json.to_string();
        for words in ALEXS {
            assert!(all.contains(words), "{words} is missing in {all}");
        }
        for words in &ALEXS[..4] {
            assert!(html.contains(&words.replace('\'', "&#39;")), "{words} is missing on the page");
        }
        for words in ["Alex looks back", "Alex's own page"] {
            assert!(all.contains(words), "{words}");
        }
        // Of Sam's: what both agreed on, what Sam shared, what both wrote for each other, and the name.
        assert!(all.contains("Sam looks back"));
        for words in &SAMS[..4] {
            assert!(all.contains(words) && html.contains(words), "{words}");
        }
        for private in ["Sam's own page", "for me alone", "not said yet", "a draft of mine", SAMS[4], sam.email.as_str()] {
            assert!(!all.contains(private) && !html.contains(private), "{private} is Sam's own");
        }
        let draft = json["revisions"].as_array().unwrap().iter().find(|revision| revision["number"] == 3).unwrap();
        assert_eq!((&draft["terms"], &draft["partnersNeeds"]), (&Value::Null, &Value::Null));
        // The page loads nothing, runs nothing and leads nowhere.
        for part in ["<script", "src=", "href=", "url(", "@import", "<iframe", "<form"] {
            assert!(!html.contains(part), "{part} on the page");
        }
        let (sams, _) = take_out(&app, sam).await;
        assert!(sams.to_string().contains("for me alone") && !sams.to_string().contains(&alex.email));
    }

    async fn every_column_has_its_place_in_an_export_or_a_reason_to_be_in_none(app) {
        let couple = everything(&app).await;
        couple.alex.done(&app, "pauseNudges", json!({ "until": "2026-12-24T00:00:00Z" }), "").await;
        let (json, _) = take_out(&app, &couple.alex).await;
        let columns = app.app.context.store.read(|db: &mut Db| Ok::<_, StoreError>(dump::columns(db))).await.unwrap();
        let decided: BTreeMap<_, _> = DECISIONS.iter().map(|(column, decision)| (*column, decision)).collect();
        let undecided: Vec<_> = columns.iter().filter(|column| !decided.contains_key(column.as_str())).collect();
        assert!(undecided.is_empty(), "is this a person's? Decide in this file: {undecided:?}");
        let gone: Vec<_> = decided.keys().filter(|column| !columns.iter().any(|known| known == *column)).collect();
        assert!(gone.iter().all(|column| column.starts_with("key_checks")), "these are no longer there: {gone:?}");
        for (column, decision) in decided {
            match decision {
                Not(reason) => assert!(!reason.is_empty()),
                // With `?`: the export has a place for it, which is empty here.
                In(path) => {
                    let found = at(&json, path.trim_end_matches('?'));
                    let said = found.iter().any(|value| !value.is_null());
                    assert!(said || path.ends_with('?'), "{column} is not in the export at {path}");
                }
            }
        }
    }

    async fn an_export_is_fetched_once_with_a_fresh_proof_and_a_button(app) {
        let couple = app.couple().await;
        let alex = &couple.alex;
        app.pass_minutes(6).await;
        let needed = |problems: &Value| problems[0]["code"] == "REAUTHENTICATION_REQUIRED";
        assert!(needed(&request(&app, alex).await["problems"]));
        assert_eq!(look(&app, alex).await, Value::Null);
        assert_eq!(fetch(&app, alex).await["problems"][0]["code"], "WRONG_STATE");
        let path = path(&app, alex).await;
        let ready = look(&app, alex).await;
        assert_eq!(ready["state"], "READY");

        // Looking at the link changes nothing.
        for _ in 0..2 {
            let answer = app.http.get(&path).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            assert!(answer.text().await.unwrap().contains("<button"));
        }
        assert_eq!(look(&app, alex).await, ready);
        let wrong = format!("{}x", path);
        assert_eq!(download(&app, &wrong).await.0, 404);
        let (status, archive) = download(&app, &path).await;
        assert_eq!((status, archive.len().to_string()), (200, text(&ready["size"])));
        assert_eq!(unpack(archive).len(), 3);
        assert_eq!(download(&app, &path).await.0, 404, "a second time");
        assert_eq!(look(&app, alex).await, Value::Null, "it is thrown away");
        let left: Vec<_> = app.dump().await.into_iter().filter(|line| line.starts_with("export")).collect();
        assert!(left.is_empty(), "{left:?}");
        app.pass_minutes(6).await;
        prove(&app, alex).await;
        request(&app, alex).await;
        export::make_due(&app.app.context).await.unwrap();
        app.pass_minutes(6).await;
        assert!(needed(&fetch(&app, alex).await["problems"]), "the proof was for asking");
    }

    async fn a_path_works_for_ten_minutes_and_only_the_latest(app) {
        let couple = app.couple().await;
        let alex = &couple.alex;
        let first = path(&app, alex).await;
        let second = format!("{}{}", app.url, text(&fetch(&app, alex).await["download"]["path"]));
        assert_eq!(download(&app, &first).await.0, 404);
        app.clock.set(app.clock.now() + jiff::SignedDuration::from_mins(10));
        assert_eq!(download(&app, &second).await.0, 404);
        prove(&app, alex).await;
        let third = format!("{}{}", app.url, text(&fetch(&app, alex).await["download"]["path"]));
        let (one, two) = futures::join!(download(&app, &third), download(&app, &third));
        let mut statuses = [one.0, two.0];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 404], "of two at once, one gets it");
    }

    async fn a_download_ends_with_any_session_of_its_owner(app) {
        let couple = app.couple().await;
        let alex = &couple.alex;
        // A thief in another session asked for it; its owner signs that one out, and has the export still.
        let (thiefs, _) = app.log_in(&alex.email, PASSWORD).await;
        let first = path(&app, alex).await;
        let fetched = app.raw(Some(&thiefs), FETCH, json!({})).await["data"]["createExportDownload"].clone();
        let second = format!("{}{}", app.url, text(&fetched["download"]["path"]));
        assert_eq!(download(&app, &first).await.0, 404);
        alex.ask(&app, "mutation { endOtherSessions { status } }", json!({})).await;
        assert_eq!(download(&app, &second).await.0, 404);
        let third = format!("{}{}", app.url, text(&fetch(&app, alex).await["download"]["path"]));
        assert_eq!(download(&app, &third).await.0, 200);
    }

    async fn an_export_that_nobody_fetches_is_gone_after_seven_days(app) {
        let couple = app.couple().await;
        path(&app, &couple.alex).await;
        app.pass_minutes(7 * DAY - 1).await;
        export::make_due(&app.app.context).await.unwrap();
        assert_eq!(look(&app, &couple.alex).await["state"], "READY");
        app.pass_minutes(1).await;
        assert_eq!(look(&app, &couple.alex).await, Value::Null);
        export::make_due(&app.app.context).await.unwrap();
        assert!(!app.dump().await.iter().any(|line| line.starts_with("export")));
    }

    async fn two_who_ask_at_once_get_one_export_and_two_workers_make_it_once(app) {
        let couple = everything(&app).await;
        let alex = &couple.alex;
        prove(&app, alex).await;
        let (one, two) = futures::join!(request(&app, alex), request(&app, alex));
        let mut statuses = [text(&one["status"]), text(&two["status"])];
        statuses.sort();
        assert_eq!(statuses, ["DONE", "UNCHANGED"]);
        let sibling = app.sibling();
        let (one, two) = futures::join!(export::make_due(&app.app.context), export::make_due(&sibling.context));
        assert_eq!(one.unwrap() + two.unwrap(), 1);
        // An export that is ready is made anew.
        assert_eq!(request(&app, alex).await["status"], "DONE");
        assert_eq!(look(&app, alex).await["state"], "WAITING");
    }

    async fn what_a_worker_left_half_made_is_made_anew_by_another(app) {
        let couple = everything(&app).await;
        let alex = &couple.alex;
        prove(&app, alex).await;
        request(&app, alex).await;
        // A worker took the export, wrote a piece, and died.
        let now = app.clock.now();
        app.app.context.store.write(move |db| {
            use evenkeel::store::export as exports;
            let row = exports::next(db, now.into(), (now + LEASE_MAX).into())?.unwrap();
            assert!(exports::lease(db, &row, (now + jiff::SignedDuration::from_mins(2)).into())?);
            let id = evenkeel::ids::ChunkId::at(now, &crate::support::chance());
            exports::insert_chunk(db, &exports::ChunkRow { id, export_id: row.id, number: 0, content: vec![1] })?;
            Ok::<_, StoreError>(())
        }).await.unwrap();
        assert_eq!(export::make_due(&app.app.context).await.unwrap(), 0, "it is in somebody's hands");
        app.pass_minutes(3).await;
        assert_eq!(export::make_due(&app.app.context).await.unwrap(), 1);
        prove(&app, alex).await;
        let path = format!("{}{}", app.url, text(&fetch(&app, alex).await["download"]["path"]));
        assert_eq!(unpack(download(&app, &path).await.1).len(), 3);
    }

    async fn one_that_cannot_be_made_is_given_up_and_keeps_nobody_waiting(app) {
        let couple = app.couple().await;
        for person in [&couple.alex, &couple.sam] {
            prove(&app, person).await;
            assert_eq!(request(&app, person).await["status"], "DONE");
            if person.email == couple.alex.email {
                // The worker that took it died each time.
                let now = app.clock.now();
                app.app.context.store.write(move |db| {
                    use evenkeel::store::export as exports;
                    while let Some(row) = exports::next(db, now.into(), (now + LEASE_MAX).into())?.filter(|row| row.attempts < 5) {
                        exports::lease(db, &row, now.into())?;
                    }
                    Ok::<_, StoreError>(())
                }).await.unwrap();
            }
        }
        assert_eq!(export::make_due(&app.app.context).await.unwrap(), 1);
        assert_eq!(look(&app, &couple.alex).await, Value::Null, "it can be asked for again");
        assert_eq!(look(&app, &couple.sam).await["state"], "READY");
    }

    async fn a_large_export_is_kept_sealed_in_pieces(app) {
        let couple = app.couple().await;
        let scene = couple.scene(&app).await;
        let note = "warm words ".repeat(180);
        for _ in 0..100 {
            let input = json!({ "sceneId": scene, "givenBy": "ME", "comforts": ["WARMTH"], "note": note });
            couple.sam.done(&app, "recordAftercare", input, "").await;
        }
        let path = path(&app, &couple.alex).await;
        let chunks: Vec<_> = app.dump().await.into_iter().filter(|line| line.starts_with("export_chunks")).collect();
        assert!(chunks.len() > 1, "{} pieces", chunks.len());
        let readable = |text: &str| chunks.iter().any(|line| line.contains(text));
        let hex: String = "warm words".bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!readable(&hex) && !readable("504b0304"), "not even that it is a ZIP can be read");
        let files = unpack(download(&app, &path).await.1);
        assert_eq!(files["export.json"].matches(note.trim()).count(), 100);
    }

    async fn somebody_about_to_be_erased_can_still_take_everything_out(app) {
        let couple = everything(&app).await;
        prove(&app, &couple.alex).await;
        couple.alex.ask(&app, "mutation { requestErasure { status } }", json!({})).await;
        app.pass_minutes(HOUR).await;
        let (json, _) = take_out(&app, &couple.alex).await;
        assert!(json.to_string().contains(ALEXS[3]));
        assert_eq!(json["erasures"].as_array().unwrap().len(), 1);
        assert!(json["account"]["onHoldSince"].is_string());
        // What Sam had shared is no longer shown to Alex: the link has ended.
        assert!(!json.to_string().contains(SAMS[3]));
    }
}

//! Seeds thousands of couples with devices, ended scenes and due nudges in bulk, encrypted as the service does it.
#![allow(dead_code, reason = "each test and bench that shares this file uses another part of it")]

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use evenkeel::actions::accounts::people::{account_key_aad, email_index, link_key_aad};
use evenkeel::actions::links::negotiation::Proposal;
use evenkeel::actions::links::partner_link::Choices;
use evenkeel::actions::links::{negotiation, partner_link};
use evenkeel::actions::nudges::device::{Subscription, lane};
use evenkeel::actions::{AppContext, Caller, Done};
use evenkeel::auth::Requester;
use evenkeel::auth::tokens::{REFRESH_LIFE, opaque_hash};
use evenkeel::chance::Chance;
use evenkeel::domain::account::{AnswerSharing, Email};
use evenkeel::domain::check_in::{CheckInState, OPEN_FOR};
use evenkeel::domain::ladder::{Situation, To, plan};
use evenkeel::domain::lane::{MAIL, Sharing, Standing, Standings};
use evenkeel::domain::negotiation::{ContactWay, TermsPatch};
use evenkeel::domain::nudge::{About, Channel, NudgeState, Reason, Rung};
use evenkeel::domain::partner_link::{LinkState, Permission, Role};
use evenkeel::domain::patch::Patch;
use evenkeel::domain::quiet_hours::{Rhythm, Zone};
use evenkeel::domain::scene::{SceneSetting, SceneState};
use evenkeel::ids::{
    AccountId, CheckInId, DeviceId, LinkId, RefreshTokenId, RevisionId, SceneId, SessionId, TypedId,
};
use evenkeel::store::account::AccountRow;
use evenkeel::store::check_in::CheckInRow;
use evenkeel::store::device::DeviceRow;
use evenkeel::store::nudge::NudgeRow;
use evenkeel::store::partner_link::{LinkRow, MemberRow, pair};
use evenkeel::store::scene::{SceneMemberRow, SceneRow};
use evenkeel::store::session::{RefreshTokenRow, SessionRow};
use evenkeel::store::{self, Db, StoreError, schema};
use evenkeel::vault::Aad;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The time from a scene's end until its check-ins fall due.
const OFFSET: SignedDuration = SignedDuration::from_hours(1);
/// Most parameters of one statement; SQLite takes 32,766, PostgreSQL 65,535.
const PARAMETERS: usize = 30_000;

/// The source of the seeded rows' ids.
fn chance() -> Chance {
    Chance::seeded(0)
}

/// Two linked people, in UTC and without quiet hours.
#[derive(Clone, Copy, Debug)]
pub struct Couple {
    /// Their link.
    pub link: LinkId,
    /// The two; both roles get the same check-ins.
    pub people: [AccountId; 2],
}

/// The address of person number `n`.
pub fn address(n: usize) -> String {
    format!("person-{n}@example.org")
}

/// A claim of about `most` nudges, of whatever lanes, by a worker with room for them.
pub fn any_lane(db: &mut Db, now: Timestamp, most: usize) -> QueryResult<Sharing> {
    let fresh = Standing { room: most, ..Standing::default() };
    let due = store::lane::due(db, store::LeaseTimes::at(now, SignedDuration::ZERO))?;
    Ok(Standings { fresh, ..Standings::default() }.share(&due, now, most))
}

/// A signed-in person, as actions know them.
pub fn caller(account: AccountId, now: Timestamp) -> Caller {
    Caller { requester: Requester { account, session: SessionId::at(now, &chance()) }, key: None }
}

/// Saves rows, as many per statement as the database takes.
macro_rules! save {
    ($context:expr, $table:path, $columns:literal, $rows:expr) => {{
        let rows = $rows;
        $context
            .store
            .write(move |db| {
                for some in rows.chunks(PARAMETERS / $columns) {
                    match db {
                        Db::Postgres(c) => diesel::insert_into($table).values(some).execute(c)?,
                        Db::Sqlite(c) => diesel::insert_into($table).values(some).execute(c)?,
                    };
                }
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
    }};
}

/// Creates `count` couples. The people are numbered from `first` on; `device` gives each number's subscription, if it
/// has one.
pub async fn couples(
    context: &Arc<AppContext>,
    first: usize,
    count: usize,
    mut device: impl FnMut(usize) -> Option<Subscription>,
) -> Vec<Couple> {
    let now = context.clock.now();
    let (mut accounts, mut links, mut members) = (vec![], vec![], vec![]);
    let (mut sessions, mut tokens, mut devices) = (vec![], vec![], vec![]);
    let mut made = Vec::with_capacity(count);
    for n in 0..count {
        let people = [0, 1].map(|side| {
            let number = first + 2 * n + side;
            let (account, device) = person(context, number, device(number), now);
            let id = account.id;
            accounts.push(account);
            if let Some((session, token, device)) = device {
                sessions.push(session);
                tokens.push(token);
                devices.push(device);
            }
            id
        });
        let link = LinkId::at(now, &chance());
        let (_, data_key) = context.vault.new_data_key(link_key_aad(link), context.vault.newest()).unwrap();
        links.push(LinkRow {
            id: link,
            status: LinkState::Active,
            data_key,
            inviter_id: Some(people[0]),
            code_hash: None,
            code_expires_at: None,
            pair: Some(pair(people[0], people[1])),
            created_at: now.into(),
            active_at: Some(now.into()),
            ended_at: None,
        });
        members.extend(people.map(|account_id| MemberRow {
            link_id: link,
            account_id,
            role: Role::Switch,
            alert_allowed: false,
            needs: None,
            needs_written_at: None,
            promise_count_wanted: false,
            name_at_end: None,
            pleas_at_night: false,
        }));
        made.push(Couple { link, people });
    }
    save!(context, schema::accounts::table, 18, accounts);
    save!(context, schema::sessions::table, 8, sessions);
    save!(context, schema::refresh_tokens::table, 9, tokens);
    save!(context, schema::devices::table, 10, devices);
    save!(context, schema::partner_links::table, 10, links);
    save!(context, schema::link_members::table, 9, members);
    made
}

fn person(
    context: &AppContext,
    number: usize,
    subscription: Option<Subscription>,
    now: Timestamp,
) -> (AccountRow, Option<(SessionRow, RefreshTokenRow, DeviceRow)>) {
    let id = AccountId::at(now, &chance());
    let (key, data_key) = context.vault.new_data_key(account_key_aad(id), context.vault.newest()).unwrap();
    let aad = |column| Aad::new("accounts", column, id.uuid());
    let email = Email::parse("email", &address(number)).unwrap();
    let account = AccountRow {
        id,
        email_index: email_index(&context.vault, &email),
        email: key.seal_text(aad("email"), email.as_str()).unwrap(),
        display_name: key.seal_text(aad("display_name"), &format!("Person {number}")).unwrap(),
        password_hash: "nobody logs in".to_owned(),
        data_key,
        zone: "UTC".to_owned(),
        quiet_from: None,
        quiet_until: None,
        default_share: AnswerSharing::Nothing,
        push: true,
        mail: true,
        paused_until: None,
        address_failed_at: None,
        created_at: now.into(),
        held_at: None,
        utc_offset: Some(0),
        link_epoch: 0,
    };
    let device = subscription.map(|subscription| {
        let device = DeviceId::at(now, &chance());
        let aad = |column| Aad::new("devices", column, device.uuid());
        let session = SessionId::at(now, &chance());
        let signed_in = SessionRow {
            id: session,
            account_id: id,
            label: key.seal_text(Aad::new("sessions", "label", session.uuid()), "phone").unwrap(),
            created_at: now.into(),
            last_used_at: now.into(),
            ended_at: None,
            proved_at: None,
            reused_at: None,
        };
        let token = RefreshTokenRow {
            id: RefreshTokenId::at(now, &chance()),
            session_id: session,
            token_hash: opaque_hash(&session.to_string()),
            issued_at: now.into(),
            expires_at: (now + REFRESH_LIFE).into(),
            replaced_at: None,
            predecessor_id: None,
            attempt_hash: None,
            given_again_at: None,
        };
        let device = DeviceRow {
            id: device,
            account_id: id,
            session_id: Some(session),
            endpoint_index: context.vault.blind_index("endpoint", &subscription.endpoint),
            subscription: key.seal_json(aad("subscription"), &subscription).unwrap(),
            label: key.seal_text(aad("label"), "phone").unwrap(),
            created_at: now.into(),
            ended_at: None,
            lane: lane(&context.vault, &subscription.endpoint),
            rests_until: None,
        };
        (signed_in, token, device)
    });
    (account, device)
}

/// Gives each couple one ended scene, whose two check-ins fall due at the instant beside the couple, with their whole
/// ladders. Returns the nudges due then: one question and one prompt for each person, so that three scenes of one day
/// fill a person's daily limit (R22).
pub async fn scenes(context: &Arc<AppContext>, of: &[(Couple, Timestamp)]) -> Vec<NudgeRow> {
    let rhythm = Rhythm { zone: Zone::named("zone", "UTC").unwrap(), quiet: None };
    let mut rows = Rows::default();
    let mut due = Vec::with_capacity(of.len() * 4);
    for (couple, at) in of {
        let scene = rows.scene(couple, *at - OFFSET, None);
        for subject in couple.people {
            let check_in = rows.check_in(couple, scene, subject, *at);
            let (times, made_at) = (check_in.times(), check_in.created_at.get());
            let silent = Situation::silent(times, made_at, &rhythm, &rhythm);
            let situation = Situation { alert_allowed: false, ..silent };
            for step in plan(&situation, check_in.created_at.get()) {
                let recipient = match step.to {
                    To::Subject => Some(subject),
                    To::Partner => couple.people.into_iter().find(|account| *account != subject),
                };
                let about = About::CheckIn(check_in.id, 0, step.reason);
                let times = (step.send_at.into(), check_in.closes_at);
                let made_at = check_in.created_at.get();
                let nudge = NudgeRow::waiting(about, step.channel, recipient, times, made_at, &chance());
                if step.send_at == *at {
                    due.push(nudge.clone());
                }
                rows.nudges.push(nudge);
            }
            rows.check_ins.push(check_in);
        }
    }
    rows.save(context).await;
    due
}

/// Lets each couple agree that the second person may be told when the first does not answer, and plans such an alert
/// for `at`. Returns the alerts.
pub async fn alerts(context: &Arc<AppContext>, couples: &[Couple], at: Timestamp) -> Vec<NudgeRow> {
    let mut rows = Rows::default();
    let mut alerts = Vec::new();
    for couple in couples {
        let revision = agree_on_alerts(context, couple).await;
        let (asked_at, [subject, partner]) = (at - SignedDuration::from_hours(9), couple.people);
        let scene = rows.scene(couple, asked_at - OFFSET, Some(revision));
        let check_in = rows.check_in(couple, scene, subject, asked_at);
        let nudge = |rung, to, send_at: Timestamp| {
            let about = About::CheckIn(check_in.id, 0, Reason::CheckIn(rung));
            let times = (send_at.into(), check_in.closes_at);
            NudgeRow::waiting(about, Channel::Push, Some(to), times, asked_at, &chance())
        };
        let asked = NudgeRow {
            state: NudgeState::Sent,
            attempts: 1,
            finished_at: Some(asked_at.into()),
            ..nudge(Rung::Ask, subject, asked_at)
        };
        let alert = nudge(Rung::TellPartner, partner, at);
        alerts.push(alert.clone());
        rows.nudges.extend([asked, alert]);
        rows.check_ins.push(check_in);
    }
    rows.save(context).await;
    alerts
}

/// Lets a couple agree that the second person may be told when the first does not answer; returns the Revision.
pub async fn agree_on_alerts(context: &Arc<AppContext>, couple: &Couple) -> RevisionId {
    let callers = couple.people.map(|account| caller(account, context.clock.now()));
    let proposal = Proposal {
        link: couple.link,
        based_on: None,
        terms: TermsPatch {
            stop_signal: Patch::Set("red".to_owned()),
            partner_alert: Patch::Set(ContactWay::Call),
            ..Default::default()
        },
    };
    let Done { value: proposed, .. } = negotiation::propose(context, &callers[0], proposal).await.unwrap();
    let revision = proposed.revision;
    for by in &callers {
        negotiation::agree(context, by, revision.outline.id, revision.outline.content_hash.clone())
            .await
            .unwrap();
    }
    let allow = Choices { alert: Patch::Set(Permission::Allow), ..Default::default() };
    partner_link::set_preferences(context, &callers[0], couple.link, allow).await.unwrap();
    revision.outline.id
}

/// Rows of several scenes, in the order in which they refer to each other.
#[derive(Default)]
pub struct Rows {
    scenes: Vec<SceneRow>,
    members: Vec<SceneMemberRow>,
    pub check_ins: Vec<CheckInRow>,
    pub nudges: Vec<NudgeRow>,
}

impl Rows {
    /// Adds a scene.
    pub fn scene(&mut self, couple: &Couple, ended_at: Timestamp, revision: Option<RevisionId>) -> SceneId {
        let id = SceneId::at(ended_at, &chance());
        self.scenes.push(SceneRow {
            id,
            link_id: Some(couple.link),
            status: SceneState::Ended,
            setting: SceneSetting::Online,
            intensity: Some(3),
            planned_for: None,
            started_at: Some(ended_at.into()),
            ended_at: Some(ended_at.into()),
            revision_id: revision,
            created_by: Some(couple.people[0]),
            created_at: ended_at.into(),
            parted_at: None,
            parting_said_at: None,
        });
        self.members.extend(couple.people.map(|account_id| SceneMemberRow {
            scene_id: id,
            account_id,
            role: Role::Switch,
            alert_allowed: None,
        }));
        id
    }

    /// The check-in of a scene that falls due an hour after its end; not added.
    pub fn check_in(
        &self,
        couple: &Couple,
        scene: SceneId,
        subject: AccountId,
        due: Timestamp,
    ) -> CheckInRow {
        self.check_in_after(couple, scene, subject, (due, OFFSET))
    }

    /// The check-in of a scene that falls due so long after its end; not added.
    pub fn check_in_after(
        &self,
        couple: &Couple,
        scene: SceneId,
        subject: AccountId,
        (due, offset): (Timestamp, SignedDuration),
    ) -> CheckInRow {
        CheckInRow {
            id: CheckInId::at(due - offset, &chance()),
            scene_id: scene,
            link_id: Some(couple.link),
            subject_id: subject,
            offset_minutes: Some(i32::try_from(offset.as_mins()).unwrap()),
            due_at: due.into(),
            closes_at: (due + OPEN_FOR).into(),
            state: CheckInState::Unanswered,
            snoozed_until: None,
            round: 0,
            answer: None,
            share: None,
            answered_at: None,
            created_at: (due - offset).into(),
            share_before: None,
            shared_from: None,
            postponed_until: None,
            heard_from: false,
            check_in_time: None,
            ended_at: (due - offset).into(),
        }
    }

    /// Saves them.
    pub async fn save(self, context: &Arc<AppContext>) {
        save!(context, schema::scenes::table, 13, self.scenes);
        save!(context, schema::scene_members::table, 4, self.members);
        save!(context, schema::check_ins::table, 20, self.check_ins);
        let to: BTreeSet<_> = self.nudges.iter().filter_map(|nudge| nudge.recipient_id).collect();
        let to = Vec::from_iter(to);
        let lanes = move |db: &mut Db| {
            let mut lanes = HashMap::new();
            for some in to.chunks(PARAMETERS) {
                lanes.extend(store::lane::of_pushes(db, some)?);
            }
            Ok::<_, StoreError>(lanes)
        };
        let mut nudges = self.nudges;
        let lanes = context.store.read(lanes).await.unwrap();
        for nudge in nudges.iter_mut().filter(|nudge| nudge.channel == Channel::Push) {
            let lane = nudge.recipient_id.and_then(|to| lanes.get(&to));
            nudge.lane = lane.map_or(MAIL, String::as_str).to_owned();
        }
        save!(context, schema::nudges::table, 23, nudges);
    }
}

/// Adds copies of every waiting nudge that is to be sent later than `after`: so many of each, a second apart.
pub async fn multiply(context: &Arc<AppContext>, after: Timestamp, copies: usize) {
    if copies == 0 {
        return;
    }
    let micros = after.as_microsecond();
    let columns = "key, rung, channel, recipient_id, check_in_id, round, expires_at, state, attempts, created_at, \
                   attempts_forgiven, lane";
    let copied = columns.replace("key,", "key || '/copy/' || n,");
    // Ids that increase, like those that the program makes.
    let postgres = format!(
        "INSERT INTO nudges (id, send_at, due_at, {columns})
         SELECT (lpad(to_hex(1000000 + n), 12, '0') || substr(md5(key || n), 1, 20))::uuid,
                send_at + n * interval '1 second', due_at + n * interval '1 second', {copied}
         FROM nudges CROSS JOIN generate_series(1, {copies}) AS n
         WHERE state = 'waiting' AND send_at > to_timestamp({micros} / 1000000.0)"
    );
    let sqlite = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {copies}),
              originals AS MATERIALIZED (SELECT * FROM nudges WHERE state = 'waiting' AND send_at > {micros})
         INSERT INTO nudges (id, send_at, due_at, {columns})
         SELECT unhex(printf('%012x', 1000000 + n) || hex(randomblob(10))),
                send_at + n * 1000000, due_at + n * 1000000, {copied}
         FROM numbers CROSS JOIN originals"
    );
    context
        .store
        .write(move |db| {
            match db {
                Db::Postgres(c) => c.batch_execute(&postgres)?,
                Db::Sqlite(c) => c.batch_execute(&sqlite)?,
            }
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
}

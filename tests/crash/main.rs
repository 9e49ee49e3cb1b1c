//! No nudge is lost and none is sent too often, whatever is killed and whenever: real processes, on the real clock.

#[path = "../support/chance.rs"]
mod chance;
#[path = "../support/cluster.rs"]
mod cluster;
mod erasing;
mod processes;
#[path = "../support/receivers.rs"]
mod receivers;
#[path = "../support/seed.rs"]
mod seed;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chance::chance;
use cluster::Cluster;
use diesel::connection::{Connection, SimpleConnection};
use diesel::prelude::*;
use evenkeel::actions::check_ins::check_in;
use evenkeel::actions::links::partner_link::Choices;
use evenkeel::actions::links::{negotiation, partner_link, revisions};
use evenkeel::actions::nudges::device::Subscription;
use evenkeel::app::App;
use evenkeel::chance::Chance;
use evenkeel::clock::Clock;
use evenkeel::config::Config;
use evenkeel::domain::answer::AnswerContent;
use evenkeel::domain::nudge::{DropReason, NudgeState, Rung, fingerprint};
use evenkeel::domain::partner_link::Permission;
use evenkeel::domain::patch::Patch;
use evenkeel::ids::{AccountId, NudgeId, WorkerId};
use evenkeel::store::nudge::NudgeRow;
use evenkeel::store::schema::nudges;
use evenkeel::store::{Db, Location, StoreError};
use evenkeel::vault::keys::Keys;
use jiff::SignedDuration;
use processes::Processes;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use receivers::{PushReceiver, SmtpReceiver};
use seed::{Couple, caller};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Couples with one scene each: four nudges that are due.
const COUPLES: usize = 700;
/// Couples about one of whom the other is to be told.
const ALERTED: usize = 60;
/// One person in so many has no device, and is written to.
const WITHOUT_DEVICE: usize = 10;
/// How often one process is killed, and how often all are.
const KILLS: usize = 24;
const BLACKOUTS: usize = 3;
/// How long a lease holds: longer than a live process may stand still on a busy machine, or a repeat is not a kill's.
const LEASE: SignedDuration = SignedDuration::from_secs(10);
/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(120);

fn execute_on(url: &str, sql: &str) {
    diesel::PgConnection::establish(url).unwrap().batch_execute(sql).unwrap();
}

/// Notes which process each worker is, by the name of the connection that claims.
const WHO_IS_WHO: &str = "
    CREATE TABLE crash_workers (worker uuid PRIMARY KEY, process text NOT NULL);
    CREATE FUNCTION crash_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO crash_workers
            SELECT DISTINCT leased_by, current_setting('application_name') FROM claimed WHERE leased_by IS NOT NULL
            ON CONFLICT DO NOTHING;
        RETURN NULL;
    END $$;
    CREATE TRIGGER crash_note AFTER UPDATE ON nudges REFERENCING NEW TABLE AS claimed
        FOR EACH STATEMENT EXECUTE FUNCTION crash_note();";

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

/// The instant of one claim of one nudge: no two claims have the same.
type Claim = (NudgeId, i32);

/// Everything around the processes.
struct Scenery {
    app: App,
    push: PushReceiver,
    mail: SmtpReceiver,
    processes: Processes,
    cluster: Option<Cluster>,
    rng: StdRng,
    /// By account: where its nudges arrive.
    inboxes: BTreeMap<AccountId, Inbox>,
    due: Vec<NudgeRow>,
    couples: Vec<Couple>,
    /// What each worker that died had in hand when it did.
    in_hand: BTreeSet<Claim>,
    dead: BTreeSet<WorkerId>,
    /// What is not wanted any more: how often it had arrived by then, and why it is dropped.
    unwanted: BTreeMap<NudgeId, (usize, DropReason)>,
    began: Instant,
    _folder: tempfile::TempDir,
}

enum Inbox {
    Endpoint(String),
    Address(String),
}

/// Waits until a look at something finds it so.
async fn until<F: Future<Output = bool>>(what: &str, mut look: impl FnMut() -> F) {
    let began = Instant::now();
    while !look().await {
        assert!(began.elapsed() < PATIENCE, "it takes too long until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl Scenery {
    async fn set(mut rng: StdRng, mut cluster: Option<Cluster>) -> Self {
        let clock = Clock::System;
        let folder = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .tempdir()
            .unwrap();
        let ticks = clock.clone();
        let now: evenkeel::demo::loopback::Now = Arc::new(move || ticks.now());
        let (push, mail) =
            (PushReceiver::start(Arc::clone(&now)).unwrap(), SmtpReceiver::start(now).unwrap());
        let database = match &mut cluster {
            Some(cluster) => cluster.url.clone(),
            None => format!("sqlite:{}", folder.path().join("evenkeel.db").display()),
        };
        let mut config = Config::for_tests(folder.path().to_owned(), Location::parse(&database).unwrap());
        config.smtp_url = Some(mail.url().into());
        config.push_insecure_origins = vec![push.origin().parse().unwrap()];
        config.lease = LEASE;
        let keys =
            Keys::load_or_make(&folder.path().join("keys"), &config.master, &Chance::system()).unwrap();
        let app = App::build(&config, &keys, clock, Chance::system()).unwrap();
        if let Some(cluster) = &cluster {
            execute_on(&cluster.url, WHO_IS_WHO);
        }
        let mut devices = BTreeMap::new();
        let subscribe = |number: usize| {
            let agent = (!number.is_multiple_of(WITHOUT_DEVICE)).then(|| push.subscribe())?;
            devices.insert(number, agent.endpoint.clone());
            Some(Subscription {
                endpoint: agent.endpoint,
                p256dh: agent.p256dh,
                auth: agent.auth,
                fuller_words: false,
            })
        };
        let couples = seed::couples(&app.context, 0, COUPLES + ALERTED, subscribe).await;
        let people = couples.iter().flat_map(|couple| couple.people).enumerate();
        let inbox = |number| match devices.get(&number) {
            Some(endpoint) => Inbox::Endpoint(endpoint.clone()),
            None => Inbox::Address(seed::address(number)),
        };
        let inboxes = people.map(|(number, account)| (account, inbox(number))).collect();
        let start = app.context.clock.now();
        let mut moment = || start - SignedDuration::from_millis(rng.random_range(0..60_000));
        let occasions: Vec<_> = couples[ALERTED..].iter().map(|couple| (*couple, moment())).collect();
        let mut due = seed::scenes(&app.context, &occasions).await;
        due.extend(seed::alerts(&app.context, &couples[..ALERTED], start).await);
        let processes = Processes::of(&config, database);
        Self {
            app,
            push,
            mail,
            processes,
            cluster,
            rng,
            inboxes,
            due,
            couples,
            in_hand: BTreeSet::new(),
            dead: BTreeSet::new(),
            unwanted: BTreeMap::new(),
            began: Instant::now(),
            _folder: folder,
        }
    }

    /// Reads from the database; again, if the server crashed under the connection.
    async fn read<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Db) -> QueryResult<T> + Clone + Send + 'static,
    ) -> T {
        loop {
            let work = work.clone();
            match self.app.context.store.read(move |db| Ok::<_, StoreError>(work(db)?)).await {
                Ok(value) => return value,
                Err(error) => assert!(self.began.elapsed() < PATIENCE, "{error}"),
            }
        }
    }

    /// The nudges that are not finished, of those that are due.
    async fn waiting(&self) -> Vec<NudgeRow> {
        let latest = self.due.iter().map(|nudge| nudge.due_at).max().unwrap();
        self.read(move |db| {
            nudges::table
                .filter(nudges::state.eq(NudgeState::Waiting))
                .filter(nudges::due_at.le(latest))
                .order(nudges::id)
                .select(NudgeRow::as_select())
                .load(db)
        })
        .await
    }

    /// Every nudge as it stands.
    async fn rows(&self) -> BTreeMap<NudgeId, NudgeRow> {
        let rows = self.read(|db| nudges::table.select(NudgeRow::as_select()).load(db)).await;
        rows.into_iter().map(|row| (row.id, row)).collect()
    }

    /// How often each nudge arrived: by itself, or in the message that it went out in together with others. Everything that
    /// arrives must be somebody's nudge, at its recipient's.
    async fn arrivals(&self) -> BTreeMap<NudgeId, usize> {
        let mut arrived: BTreeMap<(String, String), usize> = BTreeMap::new();
        for push in self.push.received() {
            *arrived.entry((push.endpoint, push.topic.unwrap())).or_default() += 1;
        }
        for mail in self.mail.received() {
            *arrived.entry((mail.to.join(","), mail.message_id().unwrap())).or_default() += 1;
        }
        let rows = self.rows().await;
        let (mut times, mut known) = (BTreeMap::new(), BTreeSet::new());
        for nudge in &self.due {
            let keys: BTreeSet<&str> = [nudge.key.as_str(), rows[&nudge.id].shown_key()].into();
            for key in keys {
                let mark = fingerprint(key);
                let where_to = match &self.inboxes[&nudge.recipient_id.unwrap()] {
                    Inbox::Endpoint(endpoint) => (endpoint.clone(), URL_SAFE_NO_PAD.encode(&mark[..24])),
                    Inbox::Address(address) => {
                        let hex: String = mark[..16].iter().map(|byte| format!("{byte:02x}")).collect();
                        (address.clone(), format!("{hex}@evenkeel.test"))
                    }
                };
                if let Some(count) = arrived.get(&where_to) {
                    *times.entry(nudge.id).or_default() += count;
                    known.insert(where_to);
                }
            }
        }
        let strays: Vec<_> = arrived.keys().filter(|one| !known.contains(*one)).collect();
        assert!(strays.is_empty(), "a repeat has the first one's Topic or Message-ID: {strays:?}");
        times
    }

    /// How many pushes there will be: one for each person with a device, whatever the number of its reasons.
    fn expected(&self) -> usize {
        let people: BTreeSet<_> = self.due.iter().filter_map(|nudge| nudge.recipient_id).collect();
        people.iter().filter(|account| matches!(self.inboxes[account], Inbox::Endpoint(_))).count()
    }

    /// Kills one process and notes what it had in hand.
    async fn kill(&mut self, name: &'static str) {
        let process = self.processes.kill(name);
        if self.cluster.is_some() {
            let its_connections =
                format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = '{process}'");
            until("a dead process's connections are closed", || async {
                let query = its_connections.clone();
                let open =
                    self.read(move |db| diesel::sql_query(query.clone()).get_result::<Count>(db)).await;
                open.count == 0
            })
            .await;
        }
        self.note_in_hand(Some(process)).await;
    }

    /// Notes what is leased by a process that just died, or by anybody.
    async fn note_in_hand(&mut self, process: Option<String>) {
        let now = self.app.context.clock.now();
        let mut held = self.waiting().await;
        held.retain(|nudge| nudge.leased_by.is_some_and(|worker| !self.dead.contains(&worker)));
        if let (Some(process), true) = (&process, self.cluster.is_some()) {
            let who = format!("SELECT worker FROM crash_workers WHERE process = '{process}'");
            let workers = self.read(move |db| diesel::sql_query(who.clone()).load::<Who>(db)).await;
            held.retain(|nudge| workers.iter().any(|who| Some(who.worker) == nudge.leased_by));
        }
        for nudge in held {
            assert!(
                nudge.lease_until.unwrap().get() <= now + LEASE,
                "a lease outlives its worker by too much"
            );
            self.in_hand.insert((nudge.id, nudge.attempts));
            if process.is_some() {
                self.dead.extend(nudge.leased_by);
            }
        }
    }

    /// While nothing delivers, people answer, skip, and take their consent back. What they do counts from now on.
    async fn people_act(&mut self) {
        let arrived = self.arrivals().await;
        let waiting = self.waiting().await;
        let context = Arc::clone(&self.app.context);
        let (now, mut rng) = (context.clock.now(), StdRng::seed_from_u64(self.rng.random()));
        let pick = |rung, rng: &mut StdRng| {
            let such: Vec<_> =
                waiting.iter().filter(|nudge| nudge.kind.rung() == Some(rung)).cloned().collect();
            such.sample(rng, 30).cloned().collect::<Vec<_>>()
        };
        for (n, nudge) in pick(Rung::Ask, &mut rng).into_iter().enumerate() {
            let (by, id) = (caller(nudge.recipient_id.unwrap(), now), nudge.check_in_id.unwrap());
            if n % 2 == 0 {
                let content =
                    AnswerContent { mood: 3, signs: Vec::new(), need: String::new(), note: String::new() };
                check_in::answer(&context, &by, id, content, (None, None), false).await.unwrap();
            } else {
                check_in::skip(&context, &by, id).await.unwrap();
            }
            self.unwanted
                .insert(nudge.id, (arrived.get(&nudge.id).copied().unwrap_or(0), DropReason::Settled));
        }
        for (n, nudge) in pick(Rung::TellPartner, &mut rng).into_iter().take(6).enumerate() {
            let told = nudge.recipient_id.unwrap();
            let couple = self.couples.iter().find(|couple| couple.people[1] == told).unwrap();
            let by = caller(couple.people[0], now);
            if n % 2 == 0 {
                let forbid = Choices { alert: Patch::Set(Permission::Forbid), ..Default::default() };
                partner_link::set_preferences(&context, &by, couple.link, forbid).await.unwrap();
            } else {
                let text = revisions::read(&context, couple.people[0], couple.link).await.unwrap().remove(0);
                negotiation::withdraw(&context, &by, text.outline.id).await.unwrap();
            }
            let so_far = arrived.get(&nudge.id).copied().unwrap_or(0);
            self.unwanted.insert(nudge.id, (so_far, DropReason::NotConsented));
        }
    }

    /// Kills every process; once nothing is on its way any more, people act; then all start again.
    async fn blackout(&mut self) {
        let names = self.processes.names();
        for name in &names {
            self.kill(name).await;
        }
        self.push.quiet().await.unwrap();
        self.mail.quiet().await.unwrap();
        self.people_act().await;
        for name in names {
            self.processes.start(name);
        }
    }

    /// Waits for a random moment after so many more pushes.
    async fn moment(&mut self, pushes: usize) {
        let so_far = self.push.received().len();
        let more = self.rng.random_range(1..=pushes);
        let expected = self.expected();
        // Near the end there may be no more to come; then any moment is as good.
        let enough = (so_far + more).min(expected);
        let arrived =
            tokio::time::timeout(Duration::from_secs(20), self.push.received_at_least(enough)).await;
        assert!(arrived.is_ok() || so_far + more > expected, "nothing is sent any more");
        tokio::time::sleep(Duration::from_micros(self.rng.random_range(0..30_000))).await;
    }
}

#[derive(QueryableByName)]
struct Who {
    #[diesel(sql_type = evenkeel::ids::Uid)]
    worker: WorkerId,
}

async fn survive(mut scenery: Scenery, names: &[&'static str]) {
    eprintln!("{} nudges are due after {:?}", scenery.due.len(), scenery.began.elapsed());
    names.iter().for_each(|name| scenery.processes.start(name));
    let stride = scenery.expected() / (KILLS + 4);
    for n in 1..=KILLS {
        scenery.moment(stride).await;
        scenery.processes.revive();
        if n.is_multiple_of(KILLS / (BLACKOUTS + 1)) && n < KILLS {
            scenery.blackout().await;
            continue;
        }
        if n == KILLS / 2 - 1
            && let Some(cluster) = &mut scenery.cluster
        {
            scenery.processes.excuse();
            cluster.crash();
            // Whoever was sending cannot have told the result, and may yet die of it.
            scenery.note_in_hand(None).await;
            continue;
        }
        let name = *names.choose(&mut scenery.rng).unwrap();
        scenery.kill(name).await;
        scenery.processes.start(name);
    }
    eprintln!("the last kill is over after {:?}", scenery.began.elapsed());
    scenery.processes.revive();
    until("everything is delivered", || async { scenery.waiting().await.is_empty() }).await;
    eprintln!("all is delivered after {:?}", scenery.began.elapsed());
    scenery.processes.stop();
    judge(&scenery).await;
}

/// What must be true whatever was killed.
async fn judge(scenery: &Scenery) {
    assert_eq!(scenery.push.refusals(), []);
    let held = scenery
        .read(|db| nudges::table.filter(nudges::leased_by.is_not_null()).count().get_result::<i64>(db))
        .await;
    assert_eq!(held, 0, "nobody holds anything any more");
    let arrived = scenery.arrivals().await;
    let rows = scenery.rows().await;
    let claims = |id: NudgeId| scenery.in_hand.range((id, i32::MIN)..=(id, i32::MAX)).count();
    let mut repeats = 0;
    for nudge in &scenery.due {
        let (row, times) = (&rows[&nudge.id], arrived.get(&nudge.id).copied().unwrap_or(0));
        match scenery.unwanted.get(&nudge.id) {
            None => {
                assert_eq!(row.state, NudgeState::Sent, "{row:?}");
                assert!(times >= 1, "a nudge is lost: {row:?}");
            }
            Some((before, reason)) => {
                assert_eq!((row.state, row.drop_reason), (NudgeState::Dropped, Some(*reason)), "{row:?}");
                // What was to come with it comes all the same, under the same name.
                let goes_on = rows
                    .values()
                    .any(|other| other.shown_key() == row.shown_key() && other.state == NudgeState::Sent);
                assert!(times == *before || goes_on, "it was sent after it was no longer wanted: {row:?}");
            }
        }
        // Each repeat has its own claim, and the claims before it died in somebody's hands.
        // What goes out as one is in one worker's hand, and so lost as one.
        let mates = rows.values().filter(|other| other.shown_key() == row.shown_key());
        let lost = mates.map(|other| claims(other.id)).max().unwrap_or(0);
        assert!(times <= lost + 1, "sent {times} times, and in hand at {lost} kills: {row:?}");
        repeats += times.saturating_sub(1);
    }
    assert!(repeats <= scenery.in_hand.len());
    assert!(!scenery.unwanted.is_empty(), "somebody acted while there was something left to send");
    eprintln!(
        "{} nudges arrived, {repeats} of them again; {} were in hand at the kills; {} were no longer wanted",
        arrived.len(),
        scenery.in_hand.len(),
        scenery.unwanted.len()
    );
}

fn run(backend: &str, cluster: impl FnOnce() -> Option<Cluster>, names: &[&'static str]) {
    let given = std::env::var("EVENKEEL_TEST_SEED");
    let new = || u64::from_be_bytes(Chance::system().bytes());
    let seed = given.map_or_else(|_| new(), |seed| seed.parse().unwrap());
    eprintln!("{backend}: EVENKEEL_TEST_SEED={seed} kills at the same moments again, as far as moments go");
    // On this very thread: the processes end with the thread that started them.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let scenery = Scenery::set(StdRng::seed_from_u64(seed), cluster()).await;
        survive(scenery, names).await;
    });
}

mod r15_no_nudge_is_lost_or_sent_in_vain_whatever_is_killed_and_whenever {
    use super::*;

    #[test]
    fn sqlite() {
        run("SQLite", || None, &["serve"]);
    }

    #[test]
    fn postgres() {
        run("PostgreSQL", || Some(Cluster::start()), &["serve", "worker1", "worker2", "worker3"]);
    }
}

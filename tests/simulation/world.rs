//! The service on a disk of its own, with processes that start, stand still and die, and a time that goes as told.

use crate::providers::{ORIGINS, Providers};
use crate::seed::{self, Couple, caller};
use diesel::connection::{
    Connection, Instrumentation, InstrumentationEvent, SimpleConnection, set_default_instrumentation,
};
use evenkeel::actions::links::partner_link::{Choices, set_preferences};
use evenkeel::actions::nudges::device::{self, Subscription};
use evenkeel::actions::{AppContext, Caller};
use evenkeel::app::App;
use evenkeel::auth::Requester;
use evenkeel::chance::Chance;
use evenkeel::clock::Clock;
use evenkeel::config::Config;
use evenkeel::delivery::Worker;
use evenkeel::domain::partner_link::Permission;
use evenkeel::domain::patch::Patch;
use evenkeel::ids::{AccountId, SessionId};
use evenkeel::store::{DatabaseThreads, Db, Location, StoreError};
use evenkeel::vault::keys::Keys;
use jiff::{SignedDuration, Timestamp};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// When every run begins: the days that follow have the night on which Europe's clocks change.
pub const START: &str = "2026-03-10T12:00:00Z";
/// How many couples there are, none of whom knows the others.
pub const COUPLES: usize = 2;

thread_local! {
    /// After how many more statements this thread's process dies.
    static STATEMENTS_LEFT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// Why a process ended.
pub struct Killed;

/// Kills a process before one of its statements.
struct Reaper;

impl Instrumentation for Reaper {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if !matches!(event, InstrumentationEvent::StartQuery { .. }) {
            return;
        }
        match STATEMENTS_LEFT.get() {
            Some(0) => {
                STATEMENTS_LEFT.set(None);
                // Past the panic hook: this is no fault to tell.
                std::panic::resume_unwind(Box::new(Killed));
            }
            Some(left) => STATEMENTS_LEFT.set(Some(left - 1)),
            None => {}
        }
    }
}

/// Has this thread's process die before so many more statements; None: it does not.
pub fn kill_after(statements: Option<u32>) {
    STATEMENTS_LEFT.set(statements);
}

/// The beginning of every run: a database with people who have agreed, and its keys.
pub struct Template {
    folder: tempfile::TempDir,
    keys: Keys,
    pub couples: Vec<Couple>,
    pub start: Timestamp,
}

fn private_folder() -> tempfile::TempDir {
    let mut builder = tempfile::Builder::new();
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    // What is lost with the power is not at stake here, and memory is faster.
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() }.unwrap()
}

fn config(folder: &Path) -> Config {
    let location = Location::Sqlite(folder.join("evenkeel.db").display().to_string());
    let mut config = Config::for_tests(folder.to_owned(), location);
    config.database_threads = DatabaseThreads { sqlite_readers: 0, ..DatabaseThreads::default() };
    config.push_insecure_origins = ORIGINS.map(|origin| origin.parse().unwrap()).to_vec();
    config
}

/// The endpoint of a person's device.
pub fn endpoint(person: usize, device: usize) -> String {
    format!("{}/person-{person}/device-{device}", ORIGINS[(person + device) % ORIGINS.len()])
}

fn subscription(person: usize, device: usize) -> Subscription {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use p256::elliptic_curve::sec1::ToEncodedPoint;
    let key = p256::SecretKey::from_slice(&[7; 32]).unwrap().public_key().to_encoded_point(false);
    Subscription {
        endpoint: endpoint(person, device),
        p256dh: URL_SAFE_NO_PAD.encode(key.as_bytes()),
        auth: URL_SAFE_NO_PAD.encode([7; 16]),
        fuller_words: false,
    }
}

impl Template {
    pub async fn make() -> Self {
        set_default_instrumentation(|| Some(Box::new(Reaper))).unwrap();
        let folder = private_folder();
        let config = config(folder.path());
        let chance = Chance::seeded(u64::MAX);
        let keys = Keys::load_or_make(&folder.path().join("keys"), &config.master, &chance).unwrap();
        let start: Timestamp = START.parse().unwrap();
        let clock = Clock::simulated(start);
        let app = App::build(&config, &keys, clock, chance).unwrap();
        let context = &app.context;
        let couples = seed::couples(context, 0, COUPLES, |person| Some(subscription(person, 0))).await;
        for (n, couple) in couples.iter().enumerate() {
            for (side, person) in couple.people.into_iter().enumerate() {
                let by = signed_in(context, person).await;
                device::register(context, &by, subscription(2 * n + side, 1), "tablet".into()).await.unwrap();
            }
            seed::agree_on_alerts(context, couple).await;
            let allow = Choices { alert: Patch::Set(Permission::Allow), ..Default::default() };
            let by = caller(couple.people[1], start);
            set_preferences(context, &by, couple.link, allow).await.unwrap();
        }
        let whole = context.store.read(|db| {
            Ok::<_, StoreError>(
                db.batch_execute("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE")?,
            )
        });
        whole.await.unwrap();
        drop(app);
        Self { folder, keys, couples, start }
    }
}

async fn signed_in(context: &Arc<AppContext>, account: AccountId) -> Caller {
    use diesel::prelude::*;
    use evenkeel::store::schema::sessions;
    let session = context.store.read(move |db| {
        let its = sessions::table.filter(sessions::account_id.eq(account)).select(sessions::id);
        Ok::<_, StoreError>(its.first::<SessionId>(db)?)
    });
    Caller { requester: Requester { account, session: session.await.unwrap() }, key: None }
}

/// A process of the service.
pub struct Process {
    pub context: Arc<AppContext>,
    pub worker: Arc<Worker>,
}

/// One run's machine: its disk, its clocks, and the way out.
pub struct Machine<'a> {
    template: &'a Template,
    folder: tempfile::TempDir,
    config: Config,
    chance: Chance,
    pub clock: Clock,
    /// The runtime's time to which the clocks have followed.
    followed: Cell<Instant>,
}

impl<'a> Machine<'a> {
    pub fn new(template: &'a Template, seed: u64) -> Self {
        let folder = private_folder();
        std::fs::copy(template.folder.path().join("evenkeel.db"), folder.path().join("evenkeel.db")).unwrap();
        let keys = folder.path().join("keys");
        std::fs::create_dir(&keys).unwrap();
        for file in std::fs::read_dir(template.folder.path().join("keys")).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), keys.join(file.file_name())).unwrap();
        }
        let config = config(folder.path());
        let clock = Clock::simulated(template.start);
        Self {
            template,
            folder,
            config,
            chance: Chance::seeded(seed),
            clock,
            followed: Cell::new(Instant::now()),
        }
    }

    pub fn database(&self) -> PathBuf {
        self.folder.path().join("evenkeel.db")
    }

    /// A connection of the test's own.
    pub fn look(&self) -> Db {
        let path = self.database().display().to_string();
        Db::Sqlite(diesel::SqliteConnection::establish(&path).unwrap())
    }

    /// Starts a process, as a supervisor does.
    pub async fn start(&self, providers: &Arc<Providers>) -> Process {
        let app =
            App::build(&self.config, &self.template.keys, self.clock.clone(), self.chance.clone()).unwrap();
        let App { context, senders, .. } = app;
        let senders = Arc::into_inner(senders).unwrap().with_stand_in(providers.stand_in());
        // Nobody waits for a lock here: work is done at once, one item after the other.
        let set = |db: &mut Db| Ok::<_, StoreError>(db.batch_execute("PRAGMA busy_timeout = 0")?);
        context.store.read(set).await.unwrap();
        let worker = Arc::new(Worker::new(Arc::clone(&context), Arc::new(senders)));
        Process { context, worker }
    }

    /// Has the clocks follow the runtime's time.
    fn follow(&self) {
        let millis = self.followed.get().elapsed().as_millis();
        if millis > 0 {
            let millis = u64::try_from(millis).unwrap();
            self.followed.set(self.followed.get() + Duration::from_millis(millis));
            self.clock.set(self.clock.now() + SignedDuration::from_millis(i64::try_from(millis).unwrap()));
        }
    }

    /// Runs something while the clocks go on.
    pub async fn live<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|context| {
            self.follow();
            work.as_mut().poll(context)
        })
        .await
    }

    /// Lets time pass in which nothing happens.
    pub async fn pass(&self, time: SignedDuration) {
        if time.is_positive() {
            tokio::time::advance(Duration::try_from(time).unwrap()).await;
            self.follow();
        }
    }
}

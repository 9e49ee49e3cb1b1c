//! A PgBouncer of a test's own, in transaction mode, which can be killed and started again.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// A PgBouncer on a loopback port. It ends with the test, however the test ends.
pub struct PgBouncer {
    folder: tempfile::TempDir,
    address: SocketAddr,
    running: Mutex<Option<Child>>,
}

impl PgBouncer {
    /// Starts one that leads to every database of `server`, with `connections` to each, and with the defaults but for these
    /// lines of settings.
    pub fn to(server: SocketAddr, connections: usize, settings: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        // Another user must get there, which is not so in every TMPDIR.
        let open = std::fs::Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new().permissions(open).tempdir_in("/tmp").unwrap();
        // Free when it was looked at, which is enough here.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let users = folder.path().join("users");
        std::fs::write(&users, "\"postgres\" \"\"\n").unwrap();
        let ini = format!(
            "[databases]\n* = host={} port={}\n\n[pgbouncer]\nlisten_addr = {}\nlisten_port = {}\nunix_socket_dir =\n\
             auth_type = trust\nauth_file = {}\npool_mode = transaction\ndefault_pool_size = {connections}\n{settings}\n",
            server.ip(),
            server.port(),
            address.ip(),
            address.port(),
            users.display(),
        );
        std::fs::write(folder.path().join("pgbouncer.ini"), ini).unwrap();
        let this = Self { folder, address, running: Mutex::default() };
        this.start();
        this
    }

    /// The URL of a database by way of it.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@{}/{database}", self.address)
    }

    /// Starts it again, and returns when it takes connections.
    pub fn start(&self) {
        let log = std::fs::File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        // It refuses to run as root. The package of PostgreSQL, on which it depends, makes this user.
        if is_root() {
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
        }
        command.arg("--").arg(program()).arg(self.folder.path().join("pgbouncer.ini"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        *self.running.lock().unwrap() = Some(child);
        let began = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            let said = std::fs::read_to_string(self.log()).unwrap();
            assert!(began.elapsed() < PATIENCE, "PgBouncer does not start: {said}");
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Kills it.
    pub fn kill(&self) {
        if let Some(mut child) = self.running.lock().unwrap().take() {
            // One that has ended by itself is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

/// Debian keeps it out of the PATH of most users.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([Path::new("/usr/sbin").to_owned()]);
    let found = folders.map(|folder| folder.join("pgbouncer")).find(|file| file.is_file());
    found.expect("PgBouncer is not installed: run scripts/test, which installs it")
}

//! What must be alive, as a model of one account, written apart from the code that it checks.

use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;

/// How long a log-in or a proof counts.
const PROOF: SignedDuration = SignedDuration::from_mins(5);
/// For how long a used refresh token gives the same successor again.
const GRACE: SignedDuration = SignedDuration::from_secs(15);
/// How long a refresh token works.
const UNUSED: SignedDuration = SignedDuration::from_hours(60 * 24);
/// How long an invitation is listed: its code works for 72 hours, and that it ran out is shown for 30 days.
const INVITATION: SignedDuration = SignedDuration::from_hours(33 * 24);
/// How long an answering link works, from when its check-in fell due.
const ANSWERABLE: SignedDuration = SignedDuration::from_hours(14 * 24);
/// How long a download works.
const DOWNLOAD: SignedDuration = SignedDuration::from_mins(10);
/// How long the link of a reset works, and how soon a second mail goes out.
const RESET: SignedDuration = SignedDuration::from_hours(24);
const RESEND: SignedDuration = SignedDuration::from_mins(10);
/// How old an authenticator must be to outlive a reset.
const YOUNG: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long a request for erasure can be taken back.
const ERASURE: SignedDuration = SignedDuration::from_hours(72);

pub const DONE: &str = "DONE";
pub const UNCHANGED: &str = "UNCHANGED";
pub const REFUSED: &str = "REFUSED";

fn if_(allowed: bool) -> &'static str {
    if allowed { DONE } else { REFUSED }
}

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// Whose account it is; reads its mailbox.
    Owner,
    /// Whoever knows the owner's password at first.
    Thief,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    LogOut,
    One,
    Others,
    NewPassword,
    Reset,
    Copied,
    Disuse,
    Erasure,
}

/// A family of refresh tokens.
pub struct Session {
    pub id: String,
    pub ended: Option<End>,
    proved: Timestamp,
    /// Every refresh token with the instant at which it was issued; each is the successor of the one before.
    pub tokens: Vec<(String, Timestamp)>,
}

/// A device that was registered for push.
pub struct Device {
    pub id: String,
    pub endpoint: String,
    session: usize,
}

/// A link that answers a check-in.
pub struct Link {
    pub url: String,
    /// The session to whose device it came; None: by mail.
    session: Option<usize>,
    epoch: usize,
    pub check_in: String,
    due: Timestamp,
}

/// An authenticator app that counts.
pub struct App {
    pub by: Who,
    pub secret: String,
    confirmed: Timestamp,
}

/// A link that downloads an export.
pub struct Download {
    pub url: String,
    until: Timestamp,
    over: bool,
}

/// A mail that sets a new password.
pub struct ResetMail {
    pub url: String,
    asked: Timestamp,
    over: bool,
}

/// What comes of the exchange of a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// A new one.
    Next,
    /// The successor that there is.
    Again,
    /// Nothing; the session may have ended by it.
    Refused,
}

/// The account.
pub struct Model {
    pub sessions: Vec<Session>,
    pub devices: Vec<Device>,
    pub links: Vec<Link>,
    /// By which link each check-in was answered.
    pub answered: HashMap<String, usize>,
    /// Invitations that nobody accepted, with when each was made.
    pub invitations: HashMap<String, Timestamp>,
    pub downloads: Vec<Download>,
    pub resets: Vec<ResetMail>,
    pub password: String,
    /// The password that the owner knows, and the one that the thief knows.
    pub knows: [String; 2],
    pub app: Option<App>,
    /// How often links were made void.
    epoch: usize,
    consents: bool,
    erase_at: Option<Timestamp>,
    pub erased: bool,
    pub linked: bool,
    /// How often each thing happened that a course is to show.
    pub tally: HashMap<String, usize>,
}

impl Model {
    pub fn new(password: &str) -> Self {
        Self {
            sessions: Vec::new(),
            devices: Vec::new(),
            links: Vec::new(),
            answered: HashMap::new(),
            invitations: HashMap::new(),
            downloads: Vec::new(),
            resets: Vec::new(),
            password: password.to_owned(),
            knows: [password.to_owned(), password.to_owned()],
            app: None,
            epoch: 0,
            consents: true,
            erase_at: None,
            erased: false,
            linked: true,
            tally: HashMap::new(),
        }
    }

    pub fn count(&mut self, what: impl Into<String>) {
        *self.tally.entry(what.into()).or_default() += 1;
    }

    pub fn lives(&self, session: usize) -> bool {
        self.sessions[session].ended.is_none()
    }

    pub fn alive(&self) -> impl Iterator<Item = usize> {
        (0..self.sessions.len()).filter(|session| self.lives(*session))
    }

    /// Whether nothing of the person is worked on.
    pub fn is_held(&self) -> bool {
        !self.consents || self.erase_at.is_some() || self.erased
    }

    pub fn device_lives(&self, device: &Device) -> bool {
        self.lives(device.session)
    }

    /// Whether a link opens anything, whatever became of its check-in.
    pub fn link_works(&self, link: &Link, now: Timestamp) -> bool {
        link.session.is_none_or(|session| self.lives(session))
            && link.epoch == self.epoch
            && !self.is_held()
            && now < link.due + ANSWERABLE
    }

    pub fn download_works(&self, download: &Download, now: Timestamp) -> bool {
        !download.over && now < download.until
    }

    pub fn reset_works(&self, mail: &ResetMail, now: Timestamp) -> bool {
        !mail.over && !self.erased && now < mail.asked + RESET
    }

    fn knows(&self, who: Who) -> bool {
        self.knows[who as usize] == self.password && !self.erased
    }

    pub fn thief_learns(&mut self) {
        self.knows[Who::Thief as usize].clone_from(&self.password);
    }

    /// Whether a password and code of that person's are what a log-in needs.
    pub fn can_log_in(&self, who: Who) -> bool {
        self.knows(who) && self.app.as_ref().is_none_or(|app| app.by == who)
    }

    /// What comes of a log-in's first step: none if there is a second one.
    pub fn log_in(&self, who: Who) -> (&'static str, bool) {
        (if_(self.knows(who)), self.knows(who) && self.app.is_some())
    }

    pub fn open(&mut self, id: String, refresh: String, now: Timestamp) -> usize {
        self.sessions.push(Session { id, ended: None, proved: now, tokens: vec![(refresh, now)] });
        self.sessions.len() - 1
    }

    pub fn prove(&mut self, who: Who, session: usize, now: Timestamp) -> &'static str {
        let proves = self.can_log_in(who);
        if proves {
            self.sessions[session].proved = now;
        }
        if_(proves)
    }

    fn is_fresh(&mut self, session: usize, now: Timestamp) -> bool {
        let fresh = now < self.sessions[session].proved + PROOF;
        if !fresh {
            self.count("a proof was missing");
        }
        fresh
    }

    fn end(&mut self, how: End, ends: impl Fn(usize) -> bool) {
        for session in self.alive().filter(|session| ends(*session)).collect::<Vec<_>>() {
            self.sessions[session].ended = Some(how);
            self.count(format!("{how:?}"));
            if self.devices.iter().any(|device| device.session == session) {
                self.count("a device ended");
            }
            if self.links.iter().any(|link| link.session == Some(session)) {
                self.count("a link to a device ended");
            }
            if self.downloads.iter().any(|download| !download.over) {
                self.count("a download ended");
            }
            // Whoever asked for it may be who was signed out.
            self.downloads.iter_mut().for_each(|download| download.over = true);
        }
    }

    /// Exchanges the token at that place in its family.
    pub fn exchange(&mut self, session: usize, place: usize, now: Timestamp) -> Exchange {
        let tokens = &self.sessions[session].tokens;
        if !self.lives(session) || now >= tokens[place].1 + UNUSED {
            return Exchange::Refused;
        }
        match tokens.get(place + 1) {
            None => Exchange::Next,
            Some((_, issued)) if now < *issued + GRACE => Exchange::Again,
            Some(_) => {
                self.end(End::Copied, |ended| ended == session);
                Exchange::Refused
            }
        }
    }

    pub fn register(&mut self, session: usize, id: String, endpoint: String) {
        self.devices.push(Device { id, endpoint, session });
    }

    /// A link came to a device of that session, or by mail.
    pub fn arrived(&mut self, url: String, device: Option<usize>, (check_in, due): (String, Timestamp)) {
        if self.links.iter().any(|link| link.url == url) {
            return;
        }
        let session = device.map(|device| self.devices[device].session);
        self.links.push(Link { url, session, epoch: self.epoch, check_in, due });
    }

    fn new_password(&mut self, who: Who, password: &str) {
        password.clone_into(&mut self.password);
        password.clone_into(&mut self.knows[who as usize]);
        self.resets.iter_mut().for_each(|mail| mail.over = true);
        self.epoch += 1;
        if !self.invitations.is_empty() {
            self.count("an invitation ended");
        }
        self.invitations.clear();
    }

    pub fn change_password(&mut self, who: Who, session: usize, new: &str, now: Timestamp) -> &'static str {
        let may = self.knows(who) && (self.app.is_none() || self.is_fresh(session, now));
        if may {
            self.end(End::NewPassword, |ended| ended != session);
            self.new_password(who, new);
        }
        if_(may)
    }

    /// Whether another mail goes out.
    pub fn ask_for_reset(&mut self, now: Timestamp) -> bool {
        let open = self.resets.iter().any(|mail| self.reset_works(mail, now) && now < mail.asked + RESEND);
        if !open {
            self.resets.iter_mut().for_each(|mail| mail.over = true);
        }
        !open
    }

    pub fn reset_came(&mut self, url: String, now: Timestamp) {
        self.resets.push(ResetMail { url, asked: now, over: false });
    }

    /// Whether a mail sets a password, and whether an authenticator is asked for afterwards.
    pub fn reset(&mut self, mail: usize, new: &str, now: Timestamp) -> Option<bool> {
        let asked = self.resets[mail].asked;
        if !self.reset_works(&self.resets[mail], now) {
            return None;
        }
        self.end(End::Reset, |_| true);
        self.new_password(Who::Owner, new);
        let stays = self.app.as_ref().map(|app| app.confirmed < asked - YOUNG);
        match stays {
            Some(true) => self.count("an older app stayed"),
            Some(false) => {
                let whose = self.app.take().map(|app| app.by);
                self.count(format!("a young app of {whose:?} went"));
            }
            None => {}
        }
        Some(self.app.is_some())
    }

    /// Whether a set-up begins.
    pub fn may_begin_app(&mut self, session: usize, now: Timestamp) -> bool {
        self.is_fresh(session, now) && self.app.is_none()
    }

    pub fn add_app(&mut self, by: Who, secret: String, now: Timestamp) {
        self.app = Some(App { by, secret, confirmed: now });
    }

    pub fn remove_app(&mut self, session: usize, now: Timestamp) -> &'static str {
        if !self.is_fresh(session, now) {
            return REFUSED;
        }
        if self.app.take().is_some() { DONE } else { UNCHANGED }
    }

    pub fn end_one(&mut self, by: usize, ended: usize, now: Timestamp) -> &'static str {
        let may = by == ended || self.is_fresh(by, now);
        if may {
            self.end(End::One, |session| session == ended);
        }
        if_(may)
    }

    pub fn end_others(&mut self, by: usize, now: Timestamp) -> &'static str {
        let may = self.is_fresh(by, now);
        if may {
            self.end(End::Others, |session| session != by);
        }
        if_(may)
    }

    pub fn log_out(&mut self, session: usize) {
        self.end(End::LogOut, |ended| ended == session);
    }

    pub fn may_export(&mut self, session: usize, now: Timestamp) -> bool {
        self.is_fresh(session, now)
    }

    pub fn download_came(&mut self, url: String, now: Timestamp) {
        self.downloads.iter_mut().for_each(|download| download.over = true);
        self.downloads.push(Download { url, until: now + DOWNLOAD, over: false });
    }

    pub fn downloaded(&mut self, download: usize) {
        self.downloads[download].over = true;
    }

    pub fn request_erasure(&mut self, session: usize, now: Timestamp) -> &'static str {
        if self.erase_at.is_some() {
            return UNCHANGED;
        }
        let may = self.is_fresh(session, now);
        if may {
            self.erase_at = Some(now + ERASURE);
            self.linked = false;
            self.invitations.clear();
        }
        if_(may)
    }

    pub fn cancel_erasure(&mut self, session: usize, now: Timestamp) -> &'static str {
        let may = self.erase_at.is_some() && self.is_fresh(session, now);
        if may {
            self.erase_at = None;
        }
        if_(may)
    }

    pub fn consent(&mut self, given: bool) -> &'static str {
        if std::mem::replace(&mut self.consents, given) == given { UNCHANGED } else { DONE }
    }

    /// Time passed, and the service tidied up.
    pub fn tidied(&mut self, now: Timestamp) {
        let unused: Vec<_> = self
            .sessions
            .iter()
            .map(|session| session.tokens.iter().all(|(_, issued)| now >= *issued + UNUSED))
            .collect();
        self.end(End::Disuse, |session| unused[session]);
        self.invitations.retain(|_, made| now <= *made + INVITATION);
        if self.erase_at.is_some_and(|at| at <= now) {
            self.erased = true;
            self.end(End::Erasure, |_| true);
            self.downloads.iter_mut().for_each(|download| download.over = true);
        }
    }
}

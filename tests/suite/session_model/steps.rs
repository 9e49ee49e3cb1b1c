//! What an owner and a thief can do in a random course, and how often.

use super::model::Who;
use proptest::prelude::*;

/// One of several things: an index, taken modulo how many there are.
pub type Pick = usize;

/// Something that happens. A pick names one of the phones of whoever acts: what they hold of a session that lives.
#[derive(Clone, Debug)]
pub enum Step {
    /// So many seconds pass, and everything is delivered when it falls due.
    Pass(i64),
    /// Somebody logs in with the password that they know.
    LogIn(Who),
    /// The thief learns the password of now.
    Learn,
    /// A phone registers for push.
    RegisterDevice(Who, Pick),
    /// A phone exchanges its refresh token.
    Refresh(Who, Pick),
    /// The thief copies the tokens of one of the owner's phones.
    Steal(Pick),
    /// The owner asks for a mail to set a new password.
    AskForReset,
    /// The owner uses one of those mails, asking for one if none works.
    Reset(Pick),
    /// Somebody changes the password.
    ChangePassword(Who, Pick, Proof),
    /// Somebody sets up an authenticator app of their own.
    AddApp(Who, Pick, Proof),
    /// Somebody removes the authenticator app, whosever it is.
    RemoveApp(Who, Pick, Proof),
    /// Somebody ends a session, their own or another.
    End(Who, Pick, Pick, Proof),
    /// Somebody ends all sessions but their own.
    EndOthers(Who, Pick, Proof),
    /// Somebody logs out.
    LogOut(Who, Pick),
    /// Somebody invites a partner.
    Invite(Who, Pick),
    /// Somebody asks for all data and for the link to download it.
    Export(Who, Pick, Proof),
    /// Somebody uses the last of these links.
    Download,
    /// Somebody asks for the account to be erased.
    RequestErasure(Who, Pick, Proof),
    /// Somebody takes that back.
    CancelErasure(Who, Pick, Proof),
    /// Somebody withdraws the consent.
    Withdraw(Who, Pick),
    /// Somebody gives it again.
    Consent(Who, Pick),
    /// The partner records a scene that ended just now, so that an hour later the owner is asked how they are.
    Scene,
    /// Somebody answers by a link that works.
    Answer(Pick),
}

/// Whether somebody first shows that they know what a log-in needs.
pub type Proof = bool;

fn step() -> impl Strategy<Value = Step> {
    let who = || prop_oneof![Just(Who::Owner), Just(Who::Thief)];
    let pick = || 0..64_usize;
    let proof = || prop::bool::weighted(0.75);
    let sensitive = move || (who(), pick(), proof());
    let seconds = prop_oneof![
        3 => 1..=40_i64,
        4 => 60..=900_i64,
        8 => 3_600..=30 * 3_600_i64,
        3 => 3 * 86_400..=16 * 86_400_i64,
    ];
    let days = prop_oneof![15 => seconds, 1 => Just(61 * 86_400_i64)];
    prop_oneof![
        12 => days.prop_map(Step::Pass),
        7 => who().prop_map(Step::LogIn),
        3 => Just(Step::Learn),
        5 => (who(), pick()).prop_map(|(a, b)| Step::RegisterDevice(a, b)),
        9 => (who(), pick()).prop_map(|(a, b)| Step::Refresh(a, b)),
        4 => pick().prop_map(Step::Steal),
        1 => Just(Step::AskForReset),
        2 => pick().prop_map(Step::Reset),
        4 => sensitive().prop_map(|(a, b, c)| Step::ChangePassword(a, b, c)),
        6 => sensitive().prop_map(|(a, b, c)| Step::AddApp(a, b, c)),
        1 => sensitive().prop_map(|(a, b, c)| Step::RemoveApp(a, b, c)),
        2 => (who(), pick(), pick(), proof()).prop_map(|(a, b, c, d)| Step::End(a, b, c, d)),
        2 => sensitive().prop_map(|(a, b, c)| Step::EndOthers(a, b, c)),
        2 => (who(), pick()).prop_map(|(a, b)| Step::LogOut(a, b)),
        4 => (who(), pick()).prop_map(|(a, b)| Step::Invite(a, b)),
        3 => sensitive().prop_map(|(a, b, c)| Step::Export(a, b, c)),
        1 => Just(Step::Download),
        1 => sensitive().prop_map(|(a, b, c)| Step::RequestErasure(a, b, c)),
        5 => sensitive().prop_map(|(a, b, c)| Step::CancelErasure(a, b, c)),
        1 => (who(), pick()).prop_map(|(a, b)| Step::Withdraw(a, b)),
        3 => (who(), pick()).prop_map(|(a, b)| Step::Consent(a, b)),
        8 => Just(Step::Scene),
        2 => pick().prop_map(Step::Answer),
    ]
}

/// A course of so many steps.
pub fn courses(steps: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), steps)
}

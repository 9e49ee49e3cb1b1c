//! Who may read which field and send which mutation: one row for each in the schema. Add new ones here.
//!
//! A field's row stands under its type. The type says how to reach one of its objects: by the path from `viewer`, or
//! from the id of one of Alex's own objects (`account`, `journalEntry`, `link`, `revision`, `scene`, `checkIn`,
//! `nudge`), and by which path her partner would reach the same one. A field in which Alex has nothing goes into
//! [`EMPTY_HERE`] too. A mutation's row stands in [`MUTATIONS`]; its good input in `tests/suite/bad_input/table.rs`.

use Reader::{Asker, Both, Frozen, Linked, Mirror, Own, Public, SignedIn};
use Sender::{Anyone, Ceremony, Holder, Members, Owner, Self_};

/// Who reads a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Anybody, signed in or not.
    Public,
    /// Anybody who is signed in, and then only their own data.
    SignedIn,
    /// The owner alone. The partner who asks for the same object finds it missing or, if it is shared, reads their own
    /// data there.
    Own,
    /// Both people of the link alike, also after it has ended.
    Both,
    /// Both, as above, but each reads of the other what the other reads of themselves in that field.
    Mirror(&'static str),
    /// Both, but once the link has ended, each reads the other's value as it was at the end.
    Frozen,
    /// Each person reads the other's value while the link is active; after that nobody does.
    Linked,
    /// The person who caused the answer that contains it; it tells of nothing else.
    Asker,
}

/// A type of the schema with its fields.
pub struct Object {
    /// Its name.
    pub name: &'static str,
    /// How its owner reaches one; empty: not at all, or only in the answer to a mutation.
    pub path: &'static str,
    /// How the partner would; empty: by the same path.
    pub partners_path: &'static str,
    /// The fields.
    pub fields: &'static [(&'static str, Reader)],
}

const fn object(name: &'static str, path: &'static str, fields: &'static [(&'static str, Reader)]) -> Object {
    Object { name, path, partners_path: "", fields }
}

/// Every type of the schema except payloads, connections and edges, which have the same fields everywhere.
pub const OBJECTS: &[Object] = &[
    // The roots.
    object(
        "Query",
        "",
        &[
            ("viewer", SignedIn),
            ("node", SignedIn),
            // For a person who holds the code.
            ("invitation", SignedIn),
            ("server", Public),
            ("guidance", Public),
            ("consentTexts", Public),
        ],
    ),
    object("Subscription", "", &[("changes", SignedIn)]),
    object(
        "Viewer",
        "viewer",
        &[
            ("id", Own),
            ("changes", Own),
            ("account", Own),
            ("consents", Own),
            ("erasure", Own),
            ("export", Own),
            ("beforeErasing", SignedIn),
            ("beforeWithdrawingConsent", SignedIn),
            ("sessions", Own),
            ("copiedSessions", Own),
            ("devices", Own),
            ("factors", Own),
            ("insight", Own),
            ("journal", Own),
            ("partnerLinks", Own),
            ("soloPlan", Own),
            ("soloScenes", Own),
            ("scenes", Own),
            ("checkIns", Own),
            ("nudges", Own),
        ],
    ),
    object("Erasure", "", &[("requestedAt", Own), ("eraseAt", Own)]),
    object(
        "Export",
        "viewer.export",
        &[("state", Own), ("requestedAt", Own), ("readyAt", Own), ("expiresAt", Own), ("size", Own)],
    ),
    object("ExportDownload", "", &[("path", Asker), ("expiresAt", Asker)]),
    // Without a cursor it tells nothing; `tests/suite/streams.rs` reads on from one.
    object(
        "Changes",
        "",
        &[("resetRequired", SignedIn), ("changes", Own), ("cursor", Own), ("hasMore", SignedIn)],
    ),
    object("Change", "", &[("kind", Own), ("nodeId", Own), ("node", Own)]),
    // One person's own data.
    object(
        "Account",
        "account",
        &[
            ("id", Own),
            ("email", Own),
            ("displayName", Own),
            ("zone", Own),
            ("quietHours", Own),
            ("defaultSharing", Own),
            ("pushWanted", Own),
            ("mailWanted", Own),
            ("paused", Own),
            ("pausedUntil", Own),
            ("onHoldSince", Own),
            ("emailFails", Own),
            ("reachability", Own),
            ("createdAt", Own),
        ],
    ),
    object("QuietHours", "account.quietHours", &[("from", Own), ("until", Own)]),
    object(
        "Reachability",
        "account.reachability",
        &[("byPush", Own), ("byMail", Own), ("reachable", Own), ("sentence", Own)],
    ),
    object(
        "Consent",
        "viewer.consents",
        &[("kind", Own), ("version", Own), ("givenAt", Own), ("withdrawnAt", Own)],
    ),
    object(
        "Session",
        "viewer.sessions",
        &[
            ("id", Own),
            ("label", Own),
            ("state", Own),
            ("current", Own),
            ("createdAt", Own),
            ("lastUsedOn", Own),
            ("endedAt", Own),
        ],
    ),
    object("Factors", "viewer.factors", &[("totpSince", Own), ("recoveryCodesLeft", Own), ("passkeys", Own)]),
    object(
        "Passkey",
        "viewer.factors.passkeys",
        &[("id", Own), ("label", Own), ("createdOn", Own), ("lastUsedOn", Own)],
    ),
    object("TotpSetup", "", &[("secret", Asker), ("uri", Asker)]),
    object("PasskeyCeremony", "", &[("ceremony", Asker), ("options", Asker)]),
    object("RemainingSignIns", "", &[("passkeys", Asker), ("authenticator", Asker)]),
    object("SecondStep", "", &[("challenge", Asker), ("expiresAt", Asker)]),
    object(
        "Device",
        "viewer.devices",
        &[("id", Own), ("label", Own), ("fullerWords", Own), ("createdAt", Own)],
    ),
    object(
        "SessionTokens",
        "",
        &[
            ("sessionId", Asker),
            ("accessToken", Asker),
            ("accessTokenExpiresAt", Asker),
            ("refreshToken", Asker),
        ],
    ),
    object(
        "CheckIn",
        "checkIn",
        &[
            ("id", Own),
            ("scene", Own),
            ("time", Own),
            ("dueAt", Own),
            ("closesAt", Own),
            ("answerableUntil", Own),
            ("state", Own),
            ("snoozedUntil", Own),
            ("answer", Own),
        ],
    ),
    object(
        "Answer",
        "checkIn.answer",
        &[
            ("mood", Own),
            ("signs", Own),
            ("need", Own),
            ("note", Own),
            ("sharing", Own),
            ("unseenUntil", Own),
            ("answeredAt", Own),
        ],
    ),
    object("NoticedSign", "checkIn.answer.signs", &[("sign", Own), ("degree", Own)]),
    object(
        "Nudge",
        "nudge",
        &[
            ("id", Own),
            ("channel", Own),
            ("state", Own),
            ("sendAt", Own),
            ("finishedAt", Own),
            ("reasons", Own),
        ],
    ),
    object("Plea", "link.myPleas", &[("id", Own), ("createdAt", Own), ("state", Own)]),
    object(
        "NudgeReason",
        "nudge.reasons",
        &[
            ("kind", Own),
            ("message", Own),
            ("checkIn", Own),
            ("scene", Own),
            ("link", Own),
            ("revision", Own),
            ("rule", Own),
            ("dueAt", Own),
            ("sentences", Own),
        ],
    ),
    object(
        "JournalEntry",
        "journalEntry",
        &[("id", Own), ("text", Own), ("scene", Own), ("writtenAt", Own), ("editedAt", Own)],
    ),
    object(
        "Insight",
        "viewer.insight",
        &[
            ("scenes", Own),
            ("answers", Own),
            ("comforts", Own),
            ("lows", Own),
            ("suggestion", Own),
            ("courses", Own),
        ],
    ),
    // Below `Insight`, and only there: numbers that many people may have alike.
    object("ComfortInsight", "", &[("scenesWell", Own), ("found", Own)]),
    object("ComfortFinding", "", &[("comfort", Own), ("whenWell", Own), ("scenes", Own)]),
    object(
        "LowStretch",
        "",
        &[("fromHours", Own), ("untilHours", Own), ("answers", Own), ("lows", Own), ("tendsLow", Own)],
    ),
    object("SuggestedProtocol", "", &[("protocol", Own), ("sentence", Own), ("reasons", Own)]),
    object(
        "SuggestionReason",
        "",
        &[("offsetMinutes", Own), ("added", Own), ("stretch", Own), ("sentence", Own)],
    ),
    // Below `CheckIn` and `Terms`: when somebody is asked.
    object("AfterEnd", "", &[("sentence", Both), ("minutes", Both)]),
    object("OnDay", "", &[("sentence", Both), ("daysAfter", Both), ("localTime", Both)]),
    object("AfterParting", "", &[("sentence", Both), ("minutes", Both)]),
    object("OnDayAfterParting", "", &[("sentence", Both), ("daysAfter", Both), ("localTime", Both)]),
    object("SoloPlan", "viewer.soloPlan", &[("needs", Own), ("protocol", Own)]),
    object("SceneCourse", "", &[("scene", Own), ("endedAt", Own), ("points", Own)]),
    object("MoodPoint", "", &[("minutesSince", Own), ("mood", Own)]),
    // The data of two people.
    object(
        "PartnerLink",
        "link",
        &[
            ("id", Both),
            ("beforeEnding", Both),
            ("state", Both),
            ("me", Own),
            ("partner", Own),
            ("alertPermission", Own),
            ("promiseCountWanted", Own),
            ("nightPleaPermission", Own),
            ("myPleas", Own),
            ("promisesKept", Linked),
            ("myNeeds", Own),
            ("createdAt", Both),
            ("invitationExpiresAt", Both),
            ("activeAt", Both),
            ("endedAt", Both),
            ("revisions", Both),
            ("latestRevision", Both),
            ("agreedRevision", Both),
            ("scenes", Both),
        ],
    ),
    Object {
        name: "LinkSide",
        path: "link.me",
        partners_path: "link.partner",
        fields: &[("who", Both), ("displayName", Frozen), ("role", Both)],
    },
    object(
        "Revision",
        "revision",
        &[
            ("id", Both),
            ("link", Both),
            ("number", Both),
            ("state", Both),
            ("author", Both),
            ("createdAt", Both),
            ("contentHash", Both),
            ("needs", Both),
            ("terms", Both),
            ("agreements", Both),
            ("changesSince", Both),
        ],
    ),
    object("PersonsNeeds", "revision.needs", &[("who", Both), ("needs", Both), ("erased", Both)]),
    object(
        "Needs",
        "revision.needs.needs",
        &[
            ("comforts", Both),
            ("avoid", Both),
            ("grounding", Both),
            ("foodAndDrink", Both),
            ("words", Both),
            ("contact", Both),
            ("nearness", Both),
            ("anythingElse", Both),
        ],
    ),
    object(
        "Terms",
        "revision.terms",
        &[
            ("erased", Both),
            ("limits", Both),
            ("stopSignal", Both),
            ("protocol", Both),
            ("contactPlan", Both),
            ("partnerAlert", Both),
        ],
    ),
    object("Agreement", "revision.agreements", &[("who", Both), ("agreedAt", Both), ("withdrawnAt", Both)]),
    object(
        "Scene",
        "scene",
        &[
            ("id", Both),
            ("link", Both),
            ("state", Both),
            ("setting", Both),
            ("intensity", Both),
            ("plannedFor", Both),
            ("startedAt", Both),
            ("endedAt", Both),
            ("partedAt", Both),
            ("myRole", Mirror("partnerRole")),
            ("partnerRole", Mirror("myRole")),
            ("alertPermission", Own),
            ("revision", Both),
            ("aftercare", Both),
            ("outreaches", Both),
            ("myCheckIns", Own),
            ("partnerCheckIns", Linked),
            ("debrief", Both),
        ],
    ),
    // Both read each other's once both have written.
    object("SceneDebrief", "scene.debrief", &[("state", Both), ("mine", Own), ("partners", Linked)]),
    object("OwnDebrief", "scene.debrief.mine", &[("text", Own), ("writtenAt", Own)]),
    object("PartnerDebrief", "scene.debrief.partners", &[("text", Linked)]),
    object("PromisesKept", "", &[("count", Linked), ("sentence", Linked)]),
    object(
        "Aftercare",
        "scene.aftercare",
        &[
            ("id", Both),
            ("givenBy", Both),
            ("comforts", Both),
            ("minutes", Both),
            ("note", Both),
            ("recordedBy", Both),
            ("createdAt", Both),
        ],
    ),
    object(
        "Outreach",
        "scene.outreaches",
        &[("id", Both), ("who", Both), ("way", Both), ("happenedAt", Both)],
    ),
    object(
        "PartnerCheckIn",
        "scene.partnerCheckIns",
        &[("id", Linked), ("dueAt", Linked), ("shared", Linked)],
    ),
    object(
        "SharedAnswer",
        "scene.partnerCheckIns.shared",
        &[("id", Linked), ("mood", Linked), ("signs", Linked), ("need", Linked), ("note", Linked)],
    ),
    // What is the same for everybody.
    object(
        "Server",
        "",
        &[("version", Public), ("features", Public), ("languages", Public), ("vapidPublicKey", Public)],
    ),
    object("ConsentText", "", &[("kind", Public), ("version", Public), ("text", Public)]),
    object("Guidance", "", &[("topics", Public), ("helpLines", Public)]),
    object(
        "GuidanceTopic",
        "",
        &[("key", Public), ("title", Public), ("paragraphs", Public), ("roles", Public)],
    ),
    object("HelpLines", "", &[("lines", Public), ("sentence", Public)]),
    object(
        "HelpLine",
        "",
        &[("country", Public), ("name", Public), ("phone", Public), ("url", Public), ("hours", Public)],
    ),
    // Parts of the answers to a request.
    object("Invitation", "", &[("displayName", Asker), ("role", Asker), ("expiresAt", Asker)]),
    object(
        "Problem",
        "",
        &[("field", Asker), ("code", Asker), ("sentence", Asker), ("retryAfterSeconds", Asker)],
    ),
    object(
        "PageInfo",
        "",
        &[("hasPreviousPage", Asker), ("hasNextPage", Asker), ("startCursor", Asker), ("endCursor", Asker)],
    ),
];

/// Fields, or whole types with `*`, that are null or empty for Alex in the world of this test. For these, the test
/// compares only what the others get.
pub const EMPTY_HERE: &[&str] = &[
    "Account.onHoldSince",
    "Agreement.withdrawnAt",
    // What she shared is visible by now.
    "Answer.unseenUntil",
    "Consent.withdrawnAt",
    // No passkey, and none of her sessions was copied.
    "Factors.passkeys",
    // It was never changed.
    "JournalEntry.editedAt",
    // Only she wants the count.
    "PartnerLink.promisesKept",
    "Passkey.*",
    "Viewer.copiedSessions",
    "Session.endedAt",
    // Her link is active, and the scene was not planned.
    "PartnerLink.endedAt",
    "PartnerLink.invitationExpiresAt",
    "Scene.plannedFor",
    // It was online.
    "Scene.partedAt",
    "Viewer.erasure",
];

/// Who may send a mutation, and on which objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Anybody, signed in or not.
    Anyone,
    /// Anybody who is signed in, on their own data; the input names no object.
    Self_,
    /// Anybody who is signed in and holds a code.
    Holder,
    /// The person who began what it finishes; in other hands its token opens nothing and is not used up.
    Ceremony,
    /// The owner of the named object; to everybody else, the partner included, the object looks missing.
    Owner,
    /// Both people of the link; to everybody else the object looks missing. Once the link has ended, either can still
    /// send it (true), or neither can (false).
    Members(bool),
}

/// Every mutation.
pub const MUTATIONS: &[(&str, Sender)] = &[
    ("signUp", Anyone),
    ("confirmEmail", Anyone),
    ("requestPasswordReset", Anyone),
    ("resetPassword", Anyone),
    ("logIn", Anyone),
    ("completeLogIn", Anyone),
    ("beginPasskeyLogIn", Anyone),
    ("finishPasskeyLogIn", Anyone),
    ("confirmEmailChange", Anyone),
    ("refreshSession", Anyone),
    ("changePassword", Self_),
    ("updateProfile", Self_),
    ("pauseNudges", Self_),
    ("resumeNudges", Self_),
    ("retryEmail", Self_),
    ("requestExport", Self_),
    ("createExportDownload", Self_),
    ("requestErasure", Self_),
    ("cancelErasure", Self_),
    ("withdrawConsent", Self_),
    ("giveConsent", Self_),
    ("logOut", Self_),
    ("endOtherSessions", Self_),
    ("reauthenticate", Self_),
    ("requestEmailChange", Self_),
    ("beginTotp", Self_),
    ("confirmTotp", Self_),
    ("removeTotp", Self_),
    ("renewRecoveryCodes", Self_),
    ("beginPasskeyRegistration", Self_),
    ("finishPasskeyRegistration", Ceremony),
    ("beginPasskeyReauthentication", Self_),
    ("finishPasskeyReauthentication", Ceremony),
    ("removePasskey", Owner),
    ("endSession", Owner),
    ("registerDevice", Self_),
    ("removeDevice", Owner),
    ("invitePartner", Self_),
    ("acceptInvitation", Holder),
    ("declineInvitation", Holder),
    ("endLink", Members(true)),
    ("updateLink", Members(false)),
    ("askPartner", Members(false)),
    ("takeBackPlea", Owner),
    ("writeNeeds", Members(false)),
    ("proposeRevision", Members(false)),
    ("agreeToRevision", Members(false)),
    // Every agreement stops with the link: there is nothing left to take back.
    ("withdrawAgreement", Members(true)),
    ("planScene", Members(false)),
    ("recordScene", Members(false)),
    ("correctScene", Members(false)),
    ("setParting", Members(false)),
    ("writeSoloPlan", Self_),
    ("startScene", Members(false)),
    // Every scene ends or is cancelled with the link.
    ("endScene", Members(false)),
    ("cancelScene", Members(true)),
    ("recordAftercare", Members(false)),
    // One's own choice about an ex-partner only ever takes away.
    ("setSceneAlert", Members(true)),
    ("recordOutreach", Members(false)),
    ("writeDebrief", Members(false)),
    ("takeBackDebrief", Members(true)),
    ("writeJournalEntry", Members(true)),
    ("editJournalEntry", Owner),
    ("deleteJournalEntry", Owner),
    ("answerCheckIn", Owner),
    ("skipCheckIn", Owner),
    ("snoozeCheckIn", Owner),
    ("changeSharing", Owner),
];

//! What a mail server's reply means: whose failure it is, and whether it may pass (RFC 5321, 3463 and 5248; R20).

/// The steps of an SMTP hand-over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailStep {
    /// Connecting, TLS, greeting, log-in.
    Connection,
    /// `MAIL FROM`.
    Sender,
    /// `RCPT TO`.
    Recipient,
    /// `DATA` and the text.
    Text,
}

/// An enhanced status code, such as 5.1.1 (RFC 3463): class, subject and detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnhancedCode {
    /// 4: may pass; 5: for good.
    pub class: u16,
    /// 1 address, 2 mailbox, 3 mail system, 4 network and limits, 5 protocol, 6 content, 7 policy; 0: not said.
    pub subject: u16,
    /// What exactly.
    pub detail: u16,
}

impl EnhancedCode {
    fn parse(word: &str) -> Option<Self> {
        // Some servers write "#5.1.1", "(5.1.1)" or "5.1.1:".
        let mut numbers = word.trim_matches(['#', '(', ')', '[', ']', ':', ',', ';', '-']).split('.');
        let mut next = || numbers.next().filter(|text| (1..=3).contains(&text.len()))?.parse::<u16>().ok();
        let (class, subject, detail) = (next()?, next()?, next()?);
        (matches!(class, 4 | 5) && numbers.next().is_none()).then_some(Self { class, subject, detail })
    }
}

impl std::fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// A mail server's reply, without its words: they may quote an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailReply {
    /// The reply code, such as 550.
    pub code: u16,
    /// The enhanced code, if the server sent one.
    pub enhanced: Option<EnhancedCode>,
    /// Whether the words speak of relaying, a limit or a block, which no enhanced code said.
    about_us: bool,
}

/// Words in replies without an enhanced code that are about this server, not about the recipient.
const ABOUT_US: [&str; 20] = [
    "relay",
    "rcpthosts",
    "limit",
    "quota",
    "exceed",
    "too many",
    "blocked",
    "blacklist",
    "block list",
    "blocklist",
    "spam",
    "policy",
    "authent",
    "sender",
    "denied",
    "prohibit",
    "reputation",
    "dnsbl",
    "helo",
    "reverse",
];

impl MailReply {
    /// Reads a reply; `text`: its lines without the reply code.
    pub fn read(code: u16, text: &str) -> Self {
        let first = text.lines().filter_map(|line| line.split_whitespace().next());
        let enhanced =
            first.chain(text.split_whitespace()).find_map(EnhancedCode::parse).filter(|it| it.subject > 0);
        let words = text.to_ascii_lowercase();
        let about_us = enhanced.is_none() && ABOUT_US.iter().any(|word| words.contains(word));
        Self { code, enhanced, about_us }
    }

    /// A reply without words.
    pub fn code(code: u16) -> Self {
        Self { code, enhanced: None, about_us: false }
    }
}

/// Whose failure a hand-over's end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailFailure {
    /// It may pass: a busy server, a full mailbox, a route that is down.
    Passing,
    /// The address's own: there is no such mailbox. It is not written to any more.
    Address,
    /// This mail's: the server takes neither its size nor its form, or gave no reason after the text.
    Mail,
    /// This server's: its log-in, its sender's address, its settings or its reputation. The operator must act.
    Ours,
    /// A limit on how much this server may send. It passes, but the operator should know.
    Limit,
}

/// Whose failure it is that a server gave this reply at a step; `None`: it gave none. A reply that contradicts itself
/// is taken for the milder of its two meanings: a suppressed address costs a person every mail.
pub fn failure(step: MailStep, reply: Option<&MailReply>) -> MailFailure {
    let Some(reply) = reply.filter(|reply| (500..600).contains(&reply.code)) else {
        return MailFailure::Passing;
    };
    let said = reply.enhanced.map(|it| (it.class, it.subject, it.detail));
    match (step, said) {
        (_, Some((5, 4, 5) | (5, 1, 90) | (5, 5, 3) | (5, 7, 28))) => MailFailure::Limit,
        (MailStep::Connection | MailStep::Sender, _) => MailFailure::Ours,
        (_, Some((4, ..))) => MailFailure::Passing,
        // Storage: the recipient's mailbox, or the server's (RFC 5321, 4.5.3.1.10).
        (MailStep::Recipient, _) if reply.code == 552 => MailFailure::Passing,
        (_, Some((_, subject, detail))) => enhanced(step, subject, detail),
        (_, None) => plain(step, reply),
    }
}

/// The meaning of a permanent enhanced code once the sender was accepted.
fn enhanced(step: MailStep, subject: u16, detail: u16) -> MailFailure {
    match (subject, detail) {
        // After the text only what names the mailbox: 5.1.0 there is often about the header's From.
        (1, 0) if step == MailStep::Text => MailFailure::Mail,
        // 5.1.350 and 5.1.351: what Exchange Online says of a mailbox that the next server does not know.
        (1, 0..=4 | 6 | 10 | 350 | 351) => MailFailure::Address,
        // 5.1.5 is none, 5.1.7 and 5.1.8 are about the sender, the rest is nobody's standard.
        (1, _) => MailFailure::Ours,
        // Too large for the mailbox, the system.
        (2, 3) | (3, 4) => MailFailure::Mail,
        // Full, closed for now, receiving too quickly; no route, a loop.
        (2 | 4, _) => MailFailure::Passing,
        (3 | 5 | 7, _) => MailFailure::Ours,
        _ => MailFailure::Mail,
    }
}

/// The meaning of a permanent reply code alone, once the sender was accepted.
fn plain(step: MailStep, reply: &MailReply) -> MailFailure {
    match (step, reply.code) {
        (_, 530 | 534 | 535 | 538) => MailFailure::Ours,
        (MailStep::Recipient, _) if reply.about_us => MailFailure::Ours,
        (MailStep::Recipient, 550 | 551 | 553) => MailFailure::Address,
        (MailStep::Recipient, _) => MailFailure::Ours,
        (_, 552) if !reply.about_us => MailFailure::Passing,
        (_, _) if reply.about_us => MailFailure::Ours,
        _ => MailFailure::Mail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use MailFailure::{Address, Limit, Mail, Ours, Passing};
    use MailStep::{Connection, Recipient, Sender, Text};

    /// Replies as servers give them: Postfix, Exim, Exchange, Gmail, Yahoo, iCloud, Amazon SES, cPanel and others.
    const REPLIES: &[(MailStep, u16, &str, MailFailure)] = &[
        // The address's own.
        (Recipient, 550, "5.1.1 The email account that you tried to reach does not exist.", Address),
        (
            Recipient,
            550,
            "5.1.1 <x@example.org>: Recipient address rejected: User unknown in virtual mailbox table",
            Address,
        ),
        (
            Recipient,
            550,
            "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
            Address,
        ),
        (Recipient, 550, "#5.1.0 Address rejected.", Address),
        (Recipient, 553, "5.1.3 <x@-example.org>: Recipient address rejected: bad syntax", Address),
        (Recipient, 501, "5.1.3 Bad recipient address syntax", Address),
        (Recipient, 550, "5.1.2 <x@example.invalid>: Recipient address rejected: Domain not found", Address),
        (Recipient, 556, "5.1.10 Domain does not accept mail (nullMX)", Address),
        (Recipient, 550, "5.1.6 Recipient no longer on server", Address),
        (Recipient, 551, "5.1.6 User has moved", Address),
        (Recipient, 550, "Unrouteable address", Address),
        (Recipient, 550, "No such user here", Address),
        (Recipient, 550, "Requested action not taken: mailbox unavailable", Address),
        (Recipient, 551, "User not local; please try <y@example.org>", Address),
        (Recipient, 553, "sorry, that domain isn't in my list of allowed rcpthosts", Ours),
        (Recipient, 550, "5.0.0 <x@example.org>... User unknown", Address),
        (Recipient, 550, "", Address),
        (Text, 550, "5.1.1 User unknown", Address),
        // Limits of this server's account.
        (Recipient, 550, "5.4.5 Daily user sending limit exceeded. For more information on Gmail", Limit),
        (Text, 550, "5.4.5 Daily SMTP relay sending limit exceeded for user.", Limit),
        (
            Recipient,
            550,
            "5.1.90 Your message can't be sent because you've reached your daily limit for message recipients",
            Limit,
        ),
        (Recipient, 550, "5.5.3 Too many recipients", Limit),
        (Sender, 550, "5.4.5 Daily user sending limit exceeded", Limit),
        (Text, 550, "5.7.28 Our system has detected an unusual rate of unsolicited mail", Limit),
        // Policy, relaying, log-in, the sender.
        (Recipient, 554, "5.7.1 <x@example.org>: Relay access denied", Ours),
        (Recipient, 550, "5.7.1 Unable to relay", Ours),
        (Recipient, 550, "relay not permitted", Ours),
        (Recipient, 550, "Sender verify failed", Ours),
        (Recipient, 550, "Access denied - Invalid HELO name (See RFC2821 4.1.1.1)", Ours),
        (Recipient, 550, "Administrative prohibition", Ours),
        (
            Recipient,
            550,
            "5.7.1 Service unavailable; client [192.0.2.1] blocked using zen.spamhaus.org",
            Ours,
        ),
        (
            Recipient,
            550,
            "Domain example.org has exceeded the max emails per hour (100/100 (100%)) allowed.",
            Ours,
        ),
        (Recipient, 550, "5.1.8 <care@example.org>: Sender address rejected: Domain not found", Ours),
        (Recipient, 553, "5.1.7 The originator's address is not valid", Ours),
        (Recipient, 530, "5.7.0 Authentication required", Ours),
        (Recipient, 530, "Authentication required", Ours),
        (Recipient, 554, "Transaction failed", Ours),
        (Recipient, 503, "5.5.1 Error: need MAIL command", Ours),
        (
            Recipient,
            550,
            "5.7.26 Unauthenticated email is not accepted due to the domain's DMARC policy",
            Ours,
        ),
        (Text, 550, "5.7.1 Message rejected as spam by Content Filtering.", Ours),
        (Text, 554, "5.7.1 [HVU:B1] The message was rejected because of its reputation", Ours),
        (Text, 554, "Message rejected: Email address is not verified. Authentication failed", Ours),
        (Sender, 553, "5.7.1 <care@example.org>: Sender address rejected: not owned by user", Ours),
        (Sender, 550, "5.1.0 <care@example.org> sender rejected", Ours),
        (Sender, 550, "5.1.1 no such sender", Ours),
        (Sender, 552, "5.3.4 Message size exceeds fixed limit", Ours),
        (Connection, 554, "No SMTP service here", Ours),
        (Connection, 535, "5.7.8 Username and Password not accepted", Ours),
        (Connection, 550, "5.1.1 no", Ours),
        (Connection, 521, "5.3.2 does not accept mail", Ours),
        // What may pass.
        (Recipient, 552, "5.2.2 Mailbox full", Passing),
        (Recipient, 552, "Requested mail action aborted: exceeded storage allocation", Passing),
        (Recipient, 552, "5.1.1 contradicts itself", Passing),
        (Recipient, 550, "5.2.2 Over quota", Passing),
        (
            Recipient,
            550,
            "5.2.1 The user you are trying to contact is receiving mail at a rate that prevents more",
            Passing,
        ),
        (Recipient, 550, "5.4.1 Recipient address rejected: Access denied.", Passing),
        (Recipient, 550, "5.4.4 Unable to route", Passing),
        (Recipient, 450, "4.2.0 <x@example.org>: Recipient address rejected: Greylisted", Passing),
        (Recipient, 451, "4.7.1 Greylisting in action, please come back later", Passing),
        (Recipient, 452, "4.2.2 The email account that you tried to reach is over quota", Passing),
        (Recipient, 450, "4.1.1 <x@example.org>: unverified address", Passing),
        (Recipient, 450, "5.1.1 contradicts itself", Passing),
        (Recipient, 550, "4.1.1 contradicts itself", Passing),
        (Connection, 421, "4.7.0 Try again later, closing connection.", Passing),
        (Sender, 451, "4.3.0 Temporary server error", Passing),
        (Text, 452, "4.3.1 Insufficient system storage", Passing),
        (Text, 552, "5.2.2 Mailbox full", Passing),
        (Text, 552, "Mailbox full", Passing),
        // This one mail.
        (Text, 552, "5.2.3 Message larger than the mailbox allows", Mail),
        (Text, 552, "5.3.4 Message too big for system", Mail),
        (Text, 554, "Transaction failed", Mail),
        (Text, 550, "5.1.0 From: header is malformed", Mail),
        (Text, 550, "5.6.0 Corrupt message content", Mail),
        (Recipient, 553, "5.6.7 Address contains non-ASCII characters", Mail),
        (Text, 554, "", Mail),
    ];

    #[test]
    fn r20_only_an_addresss_own_failure_is_the_addresss() {
        for (step, code, text, wanted) in REPLIES {
            let reply = MailReply::read(*code, text);
            assert_eq!(failure(*step, Some(&reply)), *wanted, "{code} {text} at {step:?}");
        }
        for step in [Connection, Sender, Recipient, Text] {
            assert_eq!(failure(step, None), Passing);
        }
    }

    #[test]
    fn r20_no_reply_suppresses_an_address_unless_it_names_a_recipient() {
        // Every code with every registered enhanced code: an address fails only after `RCPT TO`, only by 5.1.x or none.
        for step in [Connection, Sender, Recipient, Text] {
            for code in 200..=599 {
                for (subject, detail) in
                    (0..=7).flat_map(|subject| (0..=30).map(move |detail| (subject, detail)))
                {
                    let reply = MailReply::read(code, &format!("5.{subject}.{detail} words"));
                    if failure(step, Some(&reply)) == Address {
                        assert!((500..600).contains(&code) && matches!(step, Recipient | Text), "{reply:?}");
                        assert!(subject <= 1 && (subject == 1 || step == Recipient), "{reply:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_enhanced_code_is_found_where_servers_write_it() {
        let read =
            |text: &str| MailReply::read(550, text).enhanced.map(|it| (it.class, it.subject, it.detail));
        assert_eq!(read("5.7.1 no"), Some((5, 7, 1)));
        assert_eq!(read("Your message\n5.4.5 Daily limit"), Some((5, 4, 5)), "in a later line");
        assert_eq!(read("<x@example.org>: gone (5.1.1)"), Some((5, 1, 1)));
        assert_eq!(read("#5.1.0 Address rejected."), Some((5, 1, 0)));
        for none in
            ["", "no", "5.7", "2.1.5 fine", "[192.0.2.1] is listed", "5.7.1.9", "5..1", "9.1.1", "5.1.1234"]
        {
            assert_eq!(read(none), None, "{none}");
        }
    }
}

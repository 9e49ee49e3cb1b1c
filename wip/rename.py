#!/usr/bin/env python3
"""rename.py REPO: moves files into rooms and renames types, deterministically."""
import os, re, subprocess, sys
repo = os.path.abspath(sys.argv[1]); os.chdir(repo)
def sh(*a): subprocess.run(a, check=True)
def mv(a, b):
    if os.path.exists(a):
        os.makedirs(os.path.dirname(b), exist_ok=True); sh('git', 'mv', a, b)

# --- 1. modules: old path (without crate::) -> new path
A = 'actions'
ROOMS = {
 'accounts': ('Accounts: signing up, the profile, the address, consents, suspension, erasure, and the journal.', ['account','address_change','consent','erasure','journal','people',('hold','suspension')]),
 'auth': ('Signing in and proving oneself: sessions, second factors, passkeys, reauthentication.', ['factors','passkey','recovery_code','refresh','second_factor','second_step','session','totp',('proof','reauthentication'),'ceremonies','guard']),
 'links': ('Partner links and what two people agree on.', ['negotiation','partner_link',('promise','promises'),'revisions','locked_link','link_snapshot']),
 'scenes': ('Scenes, the aftercare given, and debriefs.', ['aftercare','debrief','scene',('scene_view','view')]),
 'check_ins': ('Check-ins: their answers, the page behind a nudge\'s link, and insight.', ['check_in','insight','page']),
 'nudges': ('Nudges: planning, claiming, showing and reviving them, and the devices that they go to.', ['claim','dead','device','nudge','planning']),
 'export': ('Exports: everything of one person as an archive.', ['archive',('material','sections')]),
 'operations': ('What the operator runs: retention, key rotation, watching.', ['retention','rotation','watch']),
}
MOD = {}
for room, (_, mods) in ROOMS.items():
    for m in mods:
        o, n = m if isinstance(m, tuple) else (m, m)
        MOD[f'actions::{o}'] = f'actions::{room}::{n}'
MOD['actions::change'] = 'actions::feed'
if os.path.exists('src/actions/export.rs'): mv('src/actions/export.rs', 'src/actions/export/mod.rs'); EXPORT = True
else: EXPORT = False
MOD.update({
 'meters': 'metrics', 'store::lanes': 'store::threads', 'store::bell': 'store::notify', 'store::slice': 'store::keyset_page',
 'domain::slice': 'domain::keyset_page', 'domain::take_out': 'domain::data_rights', 'vault::ring': 'vault::key_ring',
 'http::stall': 'http::slow_clients', 'http::freshness': 'http::etag', 'http::spelling': 'http::wire_enums', 'http::gate': 'http::middleware',
 'http::door': 'http::limits', 'http::media': 'http::graphql::accept', 'http::events': 'http::graphql::sse', 'http::socket': 'http::graphql::websocket',
 'graphql::measure': 'graphql::query_cost', 'delivery::shift': 'delivery::worker_loop',
 'graphql::types::take_out': 'graphql::types::data_rights', 'graphql::mutation::take_out': 'graphql::mutation::data_rights',
})
def fp(m): return 'src/' + m.replace('::', '/') + '.rs'
moved = {}   # new file -> old module path
ISDIR = {m: os.path.isdir(fp(m)[:-3]) for m in MOD}
OLD = {m: os.path.exists(fp(m)) or ISDIR[m] for m in MOD}
for m, n in MOD.items():
    if not OLD[m]: continue
    if os.path.exists(fp(m)):
        mv(fp(m), fp(n)); moved[fp(n)] = m
    if ISDIR[m]:
        d = fp(m)[:-3]; nd = fp(n)[:-3]
        os.makedirs(os.path.dirname(nd), exist_ok=True)
        sh('git', 'mv', d, nd)
        for root, _, fs in os.walk(nd):
            for f in fs:
                if f.endswith('.rs'): 
                    rel = os.path.relpath(os.path.join(root, f), nd)
                    sub = rel[:-3].replace('/', '::').removesuffix('::mod')
                    moved[os.path.join(root, f)] = m if rel == 'mod.rs' else m + '::' + sub
if os.path.exists('src/http/graphql.rs'): mv('src/http/graphql.rs', 'src/http/graphql/mod.rs')
if os.path.exists('src/config.rs'): mv('src/config.rs', 'src/config/mod.rs')
mv('assets/app/desk.js', 'assets/app/local_store.js'); mv('tests/browser/hands.mjs', 'tests/browser/interactions.mjs')
mv('docs/take-out.md', 'docs/data-rights.md')
ACTIVE = {m: n for m, n in MOD.items() if OLD[m]}

# --- 2. use statements and paths
def parse_tree(s):
    """'a::{b, c::{self, D as E}}' -> list of (path list, alias)"""
    s = s.strip()
    out = []
    def rec(prefix, t):
        t = t.strip()
        if not t: return
        i = t.find('{')
        if i < 0:
            m = re.match(r'^(.*?)\s+as\s+(\w+)$', t, re.S); alias = None
            if m: t, alias = m.group(1), m.group(2)
            out.append((prefix + [x.strip() for x in t.split('::')], alias)); return
        head = t[:i].rstrip().removesuffix('::')
        body = t[i+1:t.rindex('}')]
        pre = prefix + ([x.strip() for x in head.split('::')] if head else [])
        depth, start, parts = 0, 0, []
        for k, c in enumerate(body):
            if c == '{': depth += 1
            elif c == '}': depth -= 1
            elif c == ',' and depth == 0: parts.append(body[start:k]); start = k+1
        parts.append(body[start:])
        for p in parts: rec(pre, p)
    rec([], s)
    return out
def newmod(path):
    """map the longest known module prefix of a path (list without crate)"""
    for k in range(len(path), 0, -1):
        key = '::'.join(path[:k])
        if key in ACTIVE: return ACTIVE[key].split('::') + path[k:]
    return None
def map_use(vis, tree, root, modpath):
    """root: 'crate' or 'evenkeel'"""
    flat = parse_tree(tree); changed = False; new = []
    for path, alias in flat:
        p = list(path)
        absol = None
        if p[0] == root: absol = p[1:]
        elif p[0] == 'super' and modpath is not None and root == 'crate':
            q = list(modpath); r = list(p)
            while r and r[0] == 'super': q = q[:-1]; r = r[1:]
            absol = q + r
        if absol is None: new.append((p, alias)); continue
        self_tail = absol and absol[-1] == 'self'
        base = absol[:-1] if self_tail else absol
        n = newmod(base)
        name_old, name_new = base[-1] if base else None, None
        if n is not None:
            changed = True; name_new = n[-1]
            al = alias
            new.append(([root] + n + (['self'] if self_tail else []), al))
        elif p[0] == 'super' and MOVED_SELF:
            changed = True; new.append(([root] + absol, alias))
        else: new.append((p, alias))
    if not changed: return None
    groups = {}
    order = []
    for p, alias in new:
        if p[-1] == 'self': p = p[:-1]
        parent, leaf = '::'.join(p[:-1]), p[-1]
        leaf = leaf + (f' as {alias}' if alias else '')
        if parent not in groups: groups[parent] = []; order.append(parent)
        groups[parent].append(leaf)
    # a::b and a::b::C -> a::b::{self, C}
    for parent in list(order):
        for leaf in list(groups[parent]):
            full = f'{parent}::{leaf}' if parent else leaf
            if full in groups and full != parent:
                groups[parent].remove(leaf); groups[full].insert(0, 'self')
        if not groups[parent]: order.remove(parent)
    lines = []
    for parent in order:
        ls = groups[parent]
        if len(ls) == 1 and ls[0] != 'self': lines.append(f'{vis}use {parent + "::" if parent else ""}{ls[0]};')
        else: lines.append(f'{vis}use {parent}::{{{", ".join(sorted(ls, key=lambda x: (x != "self", x)))}}};')
    return '\n'.join(lines)

MOVED_SELF = False
def modpath_of(file):
    p = file[len('src/'):-3].split('/')
    if p[-1] == 'mod': p = p[:-1]
    if p == ['lib'] or p == ['main']: return []
    return p
files = []
for top in ('src', 'tests', 'benches', 'fuzz'):
    for root, _, fs in os.walk(top):
        if 'node_modules' in root or 'target' in root: continue
        files += [os.path.join(root, f) for f in fs if f.endswith('.rs')]
for file in sorted(files):
    text = open(file).read(); orig = text
    in_src = file.startswith('src/')
    old = moved.get(file)
    if in_src:
        MOVED_SELF = old is not None or file in ('src/http/graphql/mod.rs', 'src/actions/export/mod.rs')
        oldpath = old.split('::') if old else modpath_of(file)
        roots = ['crate'] if file != 'src/main.rs' else ['evenkeel']
    else:
        MOVED_SELF = False; oldpath = None; roots = ['evenkeel']
    def repl(m):
        for r in roots:
            # inside an inner `mod tests`, `super` means this file: leave `super::*` and what is indented
            if m.group('ind'):
                tree = m.group('tree')
                res = map_use(m.group('vis') or '', tree, r, None if 'super' in tree else oldpath)
            else:
                res = map_use(m.group('vis') or '', m.group('tree'), r, oldpath)
            if res is not None: return '\n'.join(m.group('ind') + l for l in res.split('\n'))
        return m.group(0)
    text = re.sub(r'^(?P<ind>[ \t]*)(?P<vis>pub(?:\([a-z: ]+\))? )?use (?P<tree>(?:[^;"]|\n)+?);', repl, text, flags=re.M)
    if in_src and old:
        # `super::x` in paths (not in use): one level up is a room now
        depth_changed = len(modpath_of(file)) != len(old.split('::'))
        if depth_changed:
            up = '::'.join(['crate'] + old.split('::')[:-1])
            head, sep, tail = text.partition('#[cfg(test)]\nmod tests')
            head = re.sub(r'(?<!pub\()(?<![\w:(])super::(?!\*)(?!super)', up + '::', head)
            head = re.sub(r'\(super::(?!\*)(?!super)', '(' + up + '::', head)
            head = head.replace('pub(super)', f'pub(in {up})')
            head = re.sub(r'(include_(?:str|bytes)!\(")\.\./', r'\1../../', head)
            text = head + sep + tail
    # inline paths
    for m, n in ACTIVE.items():
        for r in ('crate', 'evenkeel'):
            text = re.sub(rf'(?<![\w:]){r}::{m}(?=::|\b(?!\w))', f'{r}::{n}', text)
        if '::' in m:
            text = re.sub(rf'(?<![\w:]){m}(?=::)', n, text)
    if text != orig: open(file, 'w').write(text)

# --- 3. mod declarations
def edit(file, f):
    if os.path.exists(file):
        t = open(file).read(); n = f(t)
        if n != t: open(file, 'w').write(n)
def actions_mod(t):
    for m, n in ACTIVE.items():
        if m.startswith('actions::') and m.count('::') == 1:
            t = re.sub(rf'^(pub )?mod {m.split("::")[1]};\n', '', t, flags=re.M)
    mods = re.findall(r'^(?:pub(?:\(crate\))? )?mod \w+;$', t, flags=re.M)
    t = re.sub(r'^(?:pub(?:\(crate\))? )?mod \w+;\n', '', t, flags=re.M)
    have = set(mods) | {f'pub mod {r};' for r in ROOMS} | {'pub mod feed;'}
    body = '\n'.join(sorted(have, key=lambda x: x.split()[-1]))
    head, _, rest = t.partition('\n\n')
    return head + '\n\n' + body + '\n\n' + rest.lstrip('\n')
if OLD.get('actions::account'):
    edit('src/actions/mod.rs', actions_mod)
    for room, (doc, mods) in ROOMS.items():
        names = sorted(n for n in [(m if isinstance(m, str) else m[1]) for m in mods] if os.path.exists(f'src/actions/{room}/{n}.rs') or os.path.isdir(f'src/actions/{room}/{n}'))
        if room == 'export':
            edit('src/actions/export/mod.rs', lambda t: re.sub(r'\A((?://!.*\n)+)', lambda m: m.group(1) + '\n' + ''.join(f'pub mod {n};\n' for n in names), t, count=1)); continue
        open(f'src/actions/{room}/mod.rs', 'w').write(f'//! {doc}\n\n' + ''.join(f'pub mod {n};\n' for n in names))
        sh('git', 'add', '-N', f'src/actions/{room}/mod.rs')
def remod(old, new): return lambda t: re.sub(rf'\bmod {old};', f'mod {new};', t)
def many(pairs, f):
    for o, n in pairs: edit(f, remod(o, n))
many([('meters', 'metrics')], 'src/lib.rs')
many([('lanes', 'threads'), ('bell', 'notify'), ('slice', 'keyset_page')], 'src/store/mod.rs')
edit('src/store/mod.rs', lambda t: t.replace('pub use lanes::', 'pub use threads::').replace('use slice::', 'use keyset_page::'))
many([('slice', 'keyset_page'), ('take_out', 'data_rights')], 'src/domain/mod.rs')
many([('ring', 'key_ring')], 'src/vault/mod.rs')
many([('stall', 'slow_clients'), ('freshness', 'etag'), ('spelling', 'wire_enums'), ('gate', 'middleware'), ('door', 'limits')], 'src/http/mod.rs')
def http_mod(t):
    for m in ('media', 'events', 'socket'): t = re.sub(rf'^mod {m};\n', '', t, flags=re.M)
    return (t.replace('pub use door::', 'pub use limits::').replace('pub use gate::gate', 'pub use middleware::gate').replace('pub use stall::', 'pub use slow_clients::')
             .replace('socket::is_asked_for', 'graphql::websocket::is_asked_for').replace('socket::open', 'graphql::websocket::open')
             .replace('use crate::graphql::{Schema, limits};', 'use crate::graphql::{Schema, limits as query_limits};').replace('limits::FORM', 'query_limits::FORM'))
edit('src/http/mod.rs', http_mod)
def gql_mod(t):
    if 'mod accept;' in t: return t
    return re.sub(r'\A((?://!.*\n)+)\n?', r'\1\nmod accept;\nmod sse;\npub mod websocket;\n\n', t)
edit('src/http/graphql/mod.rs', gql_mod)
many([('measure', 'query_cost')], 'src/graphql/mod.rs')
many([('shift', 'worker_loop')], 'src/delivery/mod.rs')
many([('take_out', 'data_rights')], 'src/graphql/types/mod.rs'); many([('take_out', 'data_rights')], 'src/graphql/mutation/mod.rs')

# --- 4. identifiers
TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|b?r(#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?\'(?:\\.[^\']*|[^\'\\])\'|[A-Za-z_]\w*|.', re.S)
TYPES = {'House': 'AppContext', 'Unit': 'Transaction', 'Door': 'HttpLimits', 'Inside': 'ConcurrencyLimiter', 'Meters': 'Metrics', 'News': 'ChangeEvents',
 'Shift': 'WorkerLoop', 'Bundle': 'ScheduleInput', 'Surroundings': 'ClaimContext', 'Judged': 'ClaimDecision', 'Parcel': 'Payload', 'Ending': 'SendResult',
 'Fate': 'Disposition', 'Slice': 'KeysetPage', 'Lane': 'DbThreads', 'POSTGRES_LANES': 'POSTGRES_THREADS', 'DegreeWord': 'DegreeWord'}
IDENT = {'house': 'context', 'unit': 'tx', 'door': 'limits', 'meters': 'metrics', 'bundle': 'schedule', 'bundles': 'schedule_inputs', 'parcel': 'payload',
 'fate': 'disposition', 'load_slice': 'load_page', 'refuse_if_held': 'refuse_if_suspended'}
def scoped(file, text):
    """file-scoped identifier maps; `file` is the NEW path"""
    m = {}
    def add(**kw): m.update(kw)
    if re.search(r'src/vault/', file): add(Ring='KeyRing', ring='key_ring')
    if re.search(r'src/(app|main|doctor|cli|actions|demo)|tests/vault|tests/suite/vault', file) and re.search(r'\bkey_ring::(\{[^}]*)?\bRing\b|vault::ring|key_ring::Ring', text): add(Ring='KeyRing', ring='key_ring')
    if file == 'src/auth/tokens.rs': add(Ring='KeySet', ring='key_set')
    if file == 'src/auth/rates.rs': add(Gate='AttemptLimits')
    if re.search(r'vault::(\{[^}]*)?\bPlace\b|\bPlace::(new|pair|hashed)|_place\b|\.place\(', text) and not re.search(r'src/(auth/rates|graphql/paging|http/limits)|time_properties|benches/', file) and not file.startswith('src/http') or file == 'src/store/sealed.rs':
        add(Place='Aad', place='aad', places='aads')
    if file.startswith('src/http/'): add(Place='Permit')
    if re.search(r'src/http/|src/app.rs', file): add(inside='request_limiter', enter='acquire', gate='middleware') if file != 'src/http/middleware.rs' else add(gate='middleware', inside='request_limiter')
    if re.search(r'actions::(\w+::)*\{[^}]*\bOutcome\b|actions::Outcome|type Outcome<T>', text) or (file.startswith('src/actions/') and not re.search(r'nudge::(\{[^}]*)?\bOutcome\b', text)): add(Outcome='ActionResult')
    elif re.search(r'\bOutcome\b', text): add(Outcome='AttemptOutcome')
    if file in ('src/actions/feed.rs',) or re.search(r'actions::feed::(\{[^}]*)?\bCursor\b', text): add(Cursor='FeedCursor')
    if file == 'src/actions/export/sections.rs': add(Cursor='SectionCursor', Page='SectionPage')
    elif re.search(r'sections::(\{[^}]*)?\b(Cursor|Page)\b', text): add(Cursor='SectionCursor', Page='SectionPage')
    if file == 'src/graphql/paging.rs' or (file.startswith('src/graphql/') and re.search(r'paging::(\{[^}]*)?\bPage\b', text)): add(Page='ConnectionArgs')
    if file == 'src/domain/insight.rs' or re.search(r'domain::insight::(\{[^}]*)?\bOccasion\b', text) or file == 'src/domain/insight/tests.rs': add(Occasion='SceneCourse', occasion='course', occasions='courses')
    if file == 'src/domain/promise.rs' or re.search(r'domain::promise::(\{[^}]*)?\bOccasion\b', text): add(Occasion='ScenePromises', occasion='entry', occasions='entries')
    if re.search(r'src/domain/explanation|explanation::(\{[^}]*)?\bOccasion\b', file + text): add(Occasion='CheckInFacts', occasion='check_in')
    if file == 'src/actions/links/negotiation.rs' or file.startswith('src/actions/links/rev'): add(Standing='RevisionStatus', standings='revision_statuses', standing='status')
    if file == 'src/actions/accounts/address_change.rs': add(Standing='AddressPreconditions')
    if file == 'src/delivery/worker_loop.rs': add(rung='woken')
    if file == 'src/store/notify.rs': add(rings='nudges_planned', tell_followers='notify_followers', ring='wake', ring_all='wake_all')
    if file == 'src/store/feeds.rs': add(ring='wake', ring_all='wake_all', bells='followers', bell='receiver', rung='woken')
    if file == 'src/actions/feed.rs': add(bell='follower')
    if file == 'src/store/change.rs': add(bell='notify', tell_followers='notify_followers', news='events')
    if re.search(r'src/actions/(mod|transaction|context|feed)\.rs', file): add(news='events')
    if file == 'src/store/dialect.rs' or file.startswith('src/store/nudge') or file.startswith('src/store/claim'): add(ring='notify_workers')
    if re.search(r'src/actions/(nudges/)?claim', file): add(surroundings='claim_context', judged='decision')
    if re.search(r'src/(domain/hand_over|delivery/)|benches/drain', file): add(ending='result', endings='results')
    if file == 'src/graphql/paging.rs': add(slice='keyset')
    elif re.search(r'\bSlice\b', text): add(slice='page')
    if file == 'src/store/threads.rs': add(lane='threads', lanes='threads')
    if file == 'src/actions/accounts/account.rs': add(context='related_words')
    return m
def sub(file, text):
    ids = dict(IDENT); ids.update(TYPES); sc = scoped(file, text)
    if file == 'src/metrics.rs': ids.pop('Unit'); ids.pop('unit')
    if file == 'src/vault/mod.rs': text = re.sub(r'\baad\(', 'bytes(', text); text = text.replace('let (nonce, aad) =', 'let (nonce, bound_to) =').replace('aad: &aad', 'aad: &bound_to')
    pre = {}
    if file == 'src/actions/accounts/account.rs': pre = {'context': 'related_words'}; sc.pop('context', None)
    allm = {**ids, **sc}
    place = 'Place' in sc and sc['Place'] == 'Aad'
    types = {k: v for k, v in allm.items() if k[0].isupper()}
    out = []; toks = [m.group(0) for m in TOKEN.finditer(text)]
    for i, t in enumerate(toks):
        c = t[0]
        if t.startswith('//') or t.startswith('/*'):
            def fix(m):
                return re.sub(r'\b[A-Za-z_]\w*\b', lambda w: types.get(w.group(0), w.group(0)), m.group(0))
            t = re.sub(r'`[^`]*`|\[[^\]]*\]', fix, t)
        elif c.isalpha() or c == '_':
            if t in pre: t = pre[t]
            elif t == 'slice' and ''.join(toks[i+1:i+3]) == '::': pass
            elif t in ('context',): pass
            elif t in allm: t = allm[t]
            elif place and (t.endswith('_place')): t = t[:-6] + '_aad'
        elif c == '"' or (c in 'br' and '"' in t):
            t = re.sub(r'\{(house|unit|door|meters)(?=[}:.])', lambda m: '{' + IDENT[m.group(1)], t)
        out.append(t)
    return ''.join(out)
for file in sorted(files):
    text = open(file).read(); n = sub(file, text)
    n = re.sub(r'\bhold::held\b', 'suspension::suspended', n); n = re.sub(r'\bhold::hold\b', 'suspension::suspend', n)
    n = re.sub(r'\bhold::let_go_on\b', 'suspension::resume', n); n = re.sub(r'\bhold::refuse_if', 'suspension::refuse_if', n)
    if file == 'src/actions/accounts/suspension.rs':
        n = re.sub(r'\bfn held\(', 'fn suspended(', n); n = re.sub(r'\bfn hold\(', 'fn suspend(', n); n = re.sub(r'\bfn let_go_on\(', 'fn resume(', n)
    if file.startswith('src/') or file.startswith('tests'):
        n = re.sub(r'(?<![\w.])proof::(?=[a-z])', 'reauthentication::', n) if not file.startswith('src/graphql/mutation/mod') else n
        n = re.sub(r'\bfeeds\.ring(_all)?\(', r'feeds.wake\1(', n)
        n = re.sub(r'(?<![\w:])(shift|measure|stall|freshness|spelling|material|take_out|media|socket|events|gate)::', lambda m: {'shift':'worker_loop','measure':'query_cost','stall':'slow_clients','freshness':'etag','spelling':'wire_enums','material':'sections','take_out':'data_rights','media':'accept','socket':'websocket','events':'sse','gate':'middleware'}[m.group(1)] + '::', n) if file.startswith('src/') else n
        n = re.sub(r'(?<![\w:])(lanes|bell|ring)::', lambda m: {'lanes':'threads','bell':'notify','ring':'key_ring'}[m.group(1)] + '::', n) if re.match(r'src/(store|app|vault|actions|main|doctor|config)', file) else n
        n = re.sub(r'(?<![\w:])slice::(?=KeysetPage|load_page)', 'keyset_page::', n)
        if file.startswith('src/actions/') or file.startswith('src/graphql') or file.startswith('src/delivery') or file.startswith('src/http') or file == 'src/app.rs':
            n = re.sub(r'(?<![\w:])promise::', 'promises::', n) if re.search(r'\bpromises\b', n) and 'domain::promise;' not in n else n
            n = re.sub(r'(?<![\w:])change::(?=FeedCursor|Watching|watch|follow)', 'feed::', n)
    n = n.replace('ActionResult as Ended', 'AttemptOutcome as Ended').replace('dialect::ring(', 'dialect::notify_workers(').replace('super::bell::', 'super::notify::')
    if file.startswith('src/graphql/'): n = n.replace('.slice()', '.keyset()')
    if file == 'src/http/graphql/mod.rs': n = re.sub(r'^use crate::http::graphql::(sse|websocket|accept);\n', '', n, flags=re.M); n = n.replace('\nmod accept;\nmod sse;', '\npub mod accept;\npub mod sse;')
    if n != text: open(file, 'w').write(n)
# --- 5. other files
for root_, pats in (('.', None),):
    out = subprocess.run(['git', 'ls-files', '*.js', '*.mjs', '*.html', '*.md', '*.yml', '*.json', '*.toml', 'scripts/*', 'Dockerfile'], capture_output=True, text=True).stdout.split()
    for f in out:
        if 'package-lock' in f or f.endswith('react.js') or 'graphiql' in f or not os.path.isfile(f): continue
        edit(f, lambda t: t.replace('desk.js', 'local_store.js').replace('hands.mjs', 'interactions.mjs').replace('take-out.md', 'data-rights.md'))
edit('src/http/companion.rs', lambda t: t.replace('desk.js', 'local_store.js'))
for f in sorted(files):
    edit(f, lambda t: t.replace('take-out.md', 'data-rights.md').replace('desk.js', 'local_store.js'))

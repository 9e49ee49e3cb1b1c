//! New keys for old: wraps everything by a new master key, and seals everything with new data keys, while people go on.

use crate::actions::{AppContext, Fault, Transaction};
use crate::ids::RowId;
use crate::store::sealed::{ACCOUNT_KEYS, Cell, Column, LINK_KEYS, Owner, SEALED, Sealed, WRAPPED};
use crate::store::{Db, sealed};
use crate::vault::key_ring::MasterId;
use crate::vault::{Aad, DataKey, Vault, VaultError};
use std::sync::Arc;

/// How many keys are wrapped anew in one transaction: others write in between.
const BATCH: i64 = 100;

/// What going through all keys came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// How many keys are new.
    pub renewed: usize,
    /// What could not be opened and was left as it is.
    pub left: Vec<VaultError>,
}

fn aad(of: Column, cell: &Cell) -> Aad {
    let (first, second) = cell.aad(of);
    Aad::pair(of.table, of.column, first, second)
}

/// Wraps every key by the newest master key that this process knows, the house secret first: with it the new one is in
/// force, and whoever makes a key from then on wraps it by that one. What is wrapped so already stays, so that a run
/// that was killed is taken up by the next.
///
/// # Errors
/// If the database fails, or the house secret cannot be opened.
pub async fn rotate(context: &Arc<AppContext>) -> Result<(MasterId, Gone), Fault> {
    let to = context.vault.newest();
    let mut gone = Gone::default();
    for of in WRAPPED.iter().copied() {
        let mut after = None;
        loop {
            let work = move |tx: &mut Transaction<'_>| rewrap(tx.db, tx.vault, of, after, to);
            let (some, last) = context.exclusive_tx(work).await?;
            gone.renewed += some.renewed;
            gone.left.extend(some.left);
            after = last;
            if after.is_none() {
                break;
            }
        }
        if let (true, Some(error)) = (of == WRAPPED[0], gone.left.first()) {
            return Err((*error).into());
        }
    }
    Ok((to, gone))
}

/// One batch, and behind what the next begins; None: there was nothing any more.
fn rewrap(
    db: &mut Db,
    vault: &Vault,
    of: Column,
    after: Option<RowId>,
    to: MasterId,
) -> Result<(Gone, Option<RowId>), Fault> {
    let cells = sealed::page(db, of, after, BATCH)?;
    let mut gone = Gone::default();
    for cell in &cells {
        match vault.rewrap(aad(of, cell), &cell.bytes, to) {
            Ok(None) => {}
            Ok(Some(wrapped)) => gone.renewed += sealed::replace(db, of, cell, wrapped)?,
            // It cannot be read with any key: to stop here would help nobody.
            Err(error) => gone.left.push(error),
        }
    }
    Ok((gone, cells.last().map(|cell| cell.key)))
}

/// Gives every account and every link a new data key and seals with it what the old one sealed: each in a transaction of
/// its own, in which the run notes how far it has come, so that one that was killed is taken up by the next.
///
/// # Errors
/// If the database fails.
pub async fn re_encrypt(context: &Arc<AppContext>) -> Result<Gone, Fault> {
    let mut gone = Gone::default();
    for (owner, keys) in [(Owner::Account, ACCOUNT_KEYS), (Owner::Link, LINK_KEYS)] {
        loop {
            let work = move |tx: &mut Transaction<'_>| renew_next(tx.db, tx.vault, owner, keys);
            match context.exclusive_tx(work).await? {
                None => break,
                Some(Ok(())) => gone.renewed += 1,
                Some(Err(error)) => gone.left.push(error),
            }
        }
    }
    context.worker_tx(|tx| Ok(sealed::end_renewal(tx.db)?)).await?;
    Ok(gone)
}

/// Renews the key of the next owner; None: that was the last. What cannot be opened is left as it is, the key with it.
fn renew_next(
    db: &mut Db,
    vault: &Vault,
    owner: Owner,
    keys: Column,
) -> Result<Option<Result<(), VaultError>>, Fault> {
    let reached = sealed::renewed_up_to(db, keys.table)?;
    let Some(old) = sealed::page(db, keys, reached, 1)?.pop() else { return Ok(None) };
    sealed::note_renewed(db, keys.table, old.key)?;
    let mut read = Vec::new();
    for column in SEALED.iter().filter(|column| column.owner == owner) {
        read.extend(sealed::owned(db, column, old.key)?.into_iter().map(|cell| (column, cell)));
    }
    let anew = match seal_anew(vault, keys, &old, &read) {
        Ok(anew) => anew,
        Err(error) => return Ok(Some(Err(error))),
    };
    for (of, cell, bytes) in anew {
        sealed::replace(db, of, &cell, bytes)?;
    }
    Ok(Some(Ok(())))
}

type Anew = Vec<(Column, Cell, Vec<u8>)>;

/// The key of an owner and all that it sealed, made anew.
fn seal_anew(vault: &Vault, of: Column, old: &Cell, all: &[(&Sealed, Cell)]) -> Result<Anew, VaultError> {
    let old_key = vault.unwrap(aad(of, old), &old.bytes)?;
    let key = DataKey::random(vault.chance());
    let by = Vault::wrapped_by(aad(of, old), &old.bytes)?;
    let mut anew = vec![(of, old.clone(), vault.wrap(aad(of, old), &key, by)?)];
    for (sealed, cell) in all {
        let aad = aad(sealed.at, cell);
        let plain = zeroize::Zeroizing::new(old_key.open(aad, &cell.bytes)?);
        anew.push((sealed.at, cell.clone(), key.seal(aad, &plain)?));
    }
    Ok(anew)
}

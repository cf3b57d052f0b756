/*
 * The commits of the store. Each is one atomic step, which turns the request `m` into its answer. Names in comments are those of
 * packages/store/src.
 */

/* ---- Who may change a run ---- */

/* Fencing.checkFence, in the commit of the change */
#ifdef FAULT_RENEW_WITHOUT_EPOCH
#define epoch_matches (m.kind == Renew || runs[r].epoch == m.epoch)
#else
#define epoch_matches (runs[r].epoch == m.epoch)
#endif
#define is_held (runs[r].status == running && runs[r].owner == w && epoch_matches && runs[r].left > 0)

/* What must be so for each change by a holder, whatever the fence says. */
inline by_holder() {
  holds(fenced, runs[r].status == running && runs[r].owner == w && runs[r].grants == m.grant && runs[r].left > 0);
  holds(cancel_stays, !runs[r].revoked)
}

/* ---- Claims and renewals ---- */

#ifdef LEASES
inline answer_claim(r) {
  m.run_id = r; m.epoch = runs[r].epoch; m.grant = runs[r].grants;
  if
  :: workers[w].task == idle && workers[w].claim == m.claim -> m.kind = Given; put()
  :: else -> skip
  fi
}

/* ClaimTransitions.claimAgain */
#define can_repeat(r) (runs[r].status == running && runs[r].owner == w && runs[r].claim == m.claim && runs[r].left > 0)

/*
 * ClaimOperation.claim: a claim that is repeated gets what it got. One that finds nothing waits, and does not grow older, since the
 * worker counts from as much later. The caller may be gone: then the store hands the run back, in a later commit.
 */
inline commit_claim() {
  if
  :: can_repeat(0) -> runs[0].left = LEASE; runs[0].renewed = true; answer_claim(0)
  :: !can_repeat(0) && can_give(0, w) ->
    give(0, w);
    runs[0].claim = m.claim;
    if
    :: answer_claim(0)
    :: m.epoch = runs[0].epoch; m.claim = 0; m.age = 0; m.kind = HandBack; put()
    fi
  :: else -> m.kind = Parked; put()
  fi
}

/* ClaimTransitions.abandonClaim: unless a repeat has given the run since. */
inline commit_hand_back() {
  if
#ifdef FAULT_HANDED_BACK_AFTER_REPEAT
  :: is_held -> end_attempt(r, false)
#else
  :: is_held && !runs[r].renewed -> end_attempt(r, false)
#endif
  :: else -> skip
  fi
}

/* ClaimTransitions.renew */
inline commit_renew() {
  if
  :: is_held -> by_holder(); runs[r].left = LEASE; runs[r].renewed = true; answer(Held)
  :: else -> answer(Refused)
  fi
}
#endif

/* ---- The log ---- */

#ifdef LOG
/* An event is named by its attempt and its place there. */
#define event(index) ((m.grant - 1) * EVENTS + m.first + (index) + 1)

#define DIFFERS 255

/* AppendRules.atEnd and alreadyThere: `there` is how many of the events the log has already. */
inline compare_with_log() {
  there = DIFFERS;
  if
#ifdef FAULT_APPEND_TWICE
  :: true -> there = 0
#elif defined(FAULT_REPEAT_REFUSED)
  :: m.cursor == runs[r].length -> there = 0
#else
  :: m.cursor == runs[r].length -> there = 0
  :: m.cursor < runs[r].length && runs[r].length <= m.cursor + m.count ->
    there = runs[r].length - m.cursor;
    n = 0;
    do
    :: m.cursor + n < runs[r].length ->
      if
      :: runs[r].log[m.cursor + n] != event(n) -> there = DIFFERS
      :: else -> skip
      fi;
      n++
    :: else -> break
    od
#endif
  :: else -> skip
  fi
}

/* RunTransitions.append */
inline add_events() {
  do
  :: there < m.count && runs[r].length < ROOM ->
    n = 0;
    do
    :: n < runs[r].length -> holds(applied_once, runs[r].log[n] != event(there)); n++
    :: else -> break
    od;
    runs[r].log[runs[r].length] = event(there);
    runs[r].length++;
    runs[r].progress = runs[r].progress || m.first + there == 1;
    there++
  :: else -> break
  od
}

inline append_admitted() {
  d_step { compare_with_log() };
  if
  :: there == DIFFERS -> answer(Mismatch)
#ifdef FAULT_ANSWERED_BEFORE_COMMIT
  :: there != DIFFERS -> answer(Appended)
#endif
  :: there != DIFFERS -> d_step { by_holder(); add_events(); answer(Appended) }
  fi
}

/* AppendOperation.append */
inline commit_append() {
  if
#ifdef FAULT_FENCE_OUTSIDE_TRANSACTION
  :: is_held -> m.kind = Admitted; put()
#else
  :: is_held -> append_admitted()
#endif
  :: else -> answer(Refused)
  fi
}
#endif

/* ---- The end of a run ---- */

#ifdef FAULT_COMPLETE_NOT_FENCED
#define may_complete (!terminal(r))
#elif defined(FAULT_LAPSED_COMPLETE)
#define may_complete (runs[r].status == running && runs[r].owner == w && epoch_matches)
#elif defined(FAULT_LAST_OUTCOME)
#define may_complete (is_held || (terminal(r) && runs[r].owner == w && runs[r].epoch == m.epoch))
#else
#define may_complete is_held
#endif

/* LeaseOperations.completeOne: the last events and the end are one commit. */
inline commit_complete() {
#ifdef LOG
  if
  :: may_complete -> compare_with_log()
  :: else -> skip
  fi;
#endif
  if
#ifdef LOG
  :: may_complete && there == DIFFERS -> answer(Mismatch)
  :: may_complete && there != DIFFERS ->
    add_events();
#elif defined(FAULT_LOST_WAKE_UP)
  :: may_complete && r == CHILD -> m.wait = waits_for & FOR_CHILD; m.kind = Ending; put()
  :: may_complete && r == PARENT ->
#else
  :: may_complete ->
#endif
#ifndef FAULT_LAST_OUTCOME
    by_holder();
#endif
    finish(r, completed);
    answer(Done)
  :: !may_complete ->
#ifdef FAULT_CHILD_TOLD_TWICE
    if
    :: r == CHILD && terminal(CHILD) -> tell_parent()
    :: else -> skip
    fi;
#endif
    answer(Refused)
  fi
}

#ifdef FAULT_LOST_WAKE_UP
/* The second half of a child's end, whose first half has looked at the parent. */
inline commit_ending() {
  if
  :: is_held ->
    end_as(CHILD, completed); child_ended = true;
    if
    :: m.wait != 0 -> wake(FOR_CHILD)
    :: else -> skip
    fi;
    answer(Done)
  :: else -> answer(Refused)
  fi
}
#endif

/* RunTransitions.release */
inline commit_release(counted) {
  if
  :: is_held -> by_holder(); end_attempt(r, counted); answer(Done)
  :: else -> answer(Refused)
  fi
}

/* RunTransitions.end by a user. A signal to the worker makes it faster and may be lost, so it is left out. */
#define may_cancel(r) (runs[r].status != absent && !terminal(r) && !runs[r].revoked)

inline cancel(r) {
#ifdef FAULT_CANCEL_PUSHED
  if
  :: runs[r].status == running -> m.kind = Signal; m.worker = runs[r].owner; put(); clear(m)
  :: else -> skip
  fi;
#else
  finish(r, cancelled);
#endif
  runs[r].revoked = true
}

/* ---- The tree ---- */

#ifdef TREE
/* SpawnOperation: the step of a later attempt finds the child that exists. */
inline commit_spawn() {
  if
  :: is_held ->
    by_holder();
    if
    :: !spawned -> spawned = true; runs[CHILD].status = pending; runs[PARENT].progress = true
    :: else -> skip
    fi;
    answer(Spawned)
  :: else -> answer(Refused)
  fi
}

/* WaitTransitions.suspend: a run whose child has ended goes on at once. */
inline commit_suspend() {
  if
  :: is_held ->
    by_holder();
    pend(PARENT);
    runs[PARENT].status = waiting; runs[PARENT].attempt = 0; runs[PARENT].fruitless = 0;
    waits_for = m.wait;
    if
    :: (waits_for & FOR_CHILD) && child_ended -> wake(FOR_CHILD)
    :: else -> skip
    fi;
    answer(Done)
  :: else -> answer(Refused)
  fi
}

/* WaitTransitions.resume. The same answer again changes nothing. */
inline resume() { answered = true; wake(FOR_ANSWER) }
#endif

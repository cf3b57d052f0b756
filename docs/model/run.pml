/*
 * The transitions of a run. Names in comments are those of packages/store/src/rules.
 */

/* Transition.pend */
inline pend(r) {
  runs[r].status = pending; runs[r].owner = NOBODY; runs[r].left = 0; runs[r].progress = false;
#ifdef LEASES
  runs[r].claim = 0; runs[r].renewed = false
#endif
}

/* Transition.finish. The owner stays, so that the last holder is known. */
inline end_as(r, outcome) {
  holds(one_outcome, !terminal(r));
  runs[r].status = outcome; runs[r].left = 0; runs[r].attempt = 0; runs[r].fruitless = 0; runs[r].progress = false;
#ifdef LEASES
  runs[r].claim = 0; runs[r].renewed = false
#endif
}

#ifdef TREE
/* Transition.goOn */
inline wake(cause) {
  holds(wakes_once, runs[PARENT].status == waiting && (waits_for & cause));
  waits_for = 0;
  pend(PARENT)
}

/* ChildTransitions.childEnded, in the commit that ends the child. The bit tells an end that is told again. */
inline tell_parent() {
  if
#ifdef FAULT_CHILD_TOLD_TWICE
  :: runs[PARENT].status == waiting -> child_ended = true; wake(FOR_CHILD)
#else
  :: !child_ended && runs[PARENT].status == waiting && (waits_for & FOR_CHILD) -> child_ended = true; wake(FOR_CHILD)
#endif
  :: else -> child_ended = true
  fi
}
#endif

/* Transition.finish with its consequences: Family tells the parent of a child, and ends the child of a parent. */
inline finish(r, outcome) {
  end_as(r, outcome);
#ifdef TREE
  if
  :: r == CHILD -> tell_parent()
  :: r == PARENT ->
    waits_for = 0;
    if
    :: runs[CHILD].status == absent || terminal(CHILD) -> skip
    :: else -> end_as(CHILD, cancelled); child_ended = true
    fi
  fi
#endif
}

/* Transition.endAttempt. An attempt that has recorded a step counts as the first one. */
inline end_attempt(r, counted) {
  if
  :: runs[r].progress -> runs[r].attempt = 1; runs[r].fruitless = 1
  :: else -> runs[r].fruitless++
  fi;
  if
  :: !counted -> runs[r].attempt--; runs[r].fruitless--; pend(r)
#ifdef FAULT_ATTEMPTS_NOT_COUNTED
  :: counted -> runs[r].attempt--; pend(r)
#else
  :: counted && runs[r].attempt < MAX_ATTEMPTS -> pend(r)
  :: counted && runs[r].attempt >= MAX_ATTEMPTS -> finish(r, failed)
#endif
  fi
}

/* ClaimTransitions.claim. To give worker 0 the first claim loses nothing, since the workers are alike. */
#define can_give(r, w) (runs[r].status == pending && runs[r].grants < CLAIMS && (r > 0 || w == 0 || runs[r].grants > 0))

inline give(r, w) {
  holds(one_holder, !believes(0, r) && !believes(1, r));
  holds(cancel_stays, !runs[r].revoked);
  holds(poison_stops, runs[r].fruitless < MAX_ATTEMPTS);
  runs[r].status = running; runs[r].attempt++; runs[r].grants++;
#ifdef FAULT_SAME_EPOCH
  runs[r].epoch = 1;
#else
  runs[r].epoch++;
#endif
  runs[r].owner = w; runs[r].left = LEASE
}

/* RunTransitions.due: a lapsed lease ends its attempt, also when nothing claims. */
#define lapsed(r) (runs[r].status == running && runs[r].left == 0)

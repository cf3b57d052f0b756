/*
 * The lease protocol of Runlease, for Spin. README.md says how to read the model and how to check it. One of these is defined:
 *
 *   LEASES  claims and renewals on a network, with their age
 *   LOG     appends, and the outcome with the last events
 *   TREE    a parent that waits for its child, for an answer, or for both
 *
 * FAULT_... is a deliberate fault, which the check must find. GOAL_... is a state that it must reach.
 */
#include "state.pml"
#include "run.pml"
#include "store.pml"
#include "worker.pml"
#include "goals.pml"

/* ---- Processes ---- */

/* Takes any message of the wire. */
inline take_any() {
  if
  :: i = 0
  :: len(wire) > 1 -> i = 1
  :: len(wire) > 2 -> i = 2
  :: len(wire) > 3 -> i = 3
  fi;
  d_step {
    there = len(wire);
    do
    :: n < there && n == i -> wire?m; n++
    :: n < there && n != i -> wire?other; wire!other; n++
    :: else -> break
    od;
    clear(other); i = 0;
    r = m.run_id; w = m.worker
  }
}

/* What a message does where it arrives: a request changes the store, and an answer its worker. */
inline deliver() {
  if
#ifdef LEASES
  :: m.kind == Claim || m.kind == Parked -> commit_claim()
  :: m.kind == HandBack -> commit_hand_back()
  :: m.kind == Given -> receive_given()
  :: m.kind == Renew -> d_step { commit_renew() }
  :: m.kind == Held -> receive_held()
#endif
#ifdef LOG
  :: m.kind == Append -> commit_append()
  :: m.kind == Appended -> d_step { receive_appended() }
  :: m.kind == Mismatch -> receive_mismatch()
#endif
#ifdef TREE
  :: m.kind == Spawn -> d_step { commit_spawn() }
  :: m.kind == Spawned -> receive_spawned()
  :: m.kind == Suspend -> d_step { commit_suspend() }
#else
  :: m.kind == Release -> d_step { commit_release(false) }
  :: m.kind == Retry -> d_step { commit_release(true) }
#endif
  :: m.kind == Complete -> d_step { commit_complete() }
  :: m.kind == Done -> d_step { receive_done() }
  :: m.kind == Refused -> d_step { receive_refused() }
#ifdef FAULT_FENCE_OUTSIDE_TRANSACTION
  :: m.kind == Admitted -> append_admitted()
#endif
#ifdef FAULT_LOST_WAKE_UP
  :: m.kind == Ending -> commit_ending()
#endif
#ifdef FAULT_CANCEL_PUSHED
  :: m.kind == Signal -> receive_signal()
#endif
  fi
}

/* Messages are late, lost and doubled, and overtake each other. */
proctype Network() {
  do
  :: atomic {
      len(wire) > 0 -> take_any();
      if
      :: skip
      :: deliver()
      :: has_room -> put(); deliver()
      fi;
      d_step { clear(m) }
    }
  od
}

/* A lease that has lapsed ends its attempt at any time from then on. */
proctype Sweeper() {
  do
  :: d_step { lapsed(0) -> end_attempt(0, true) }
#ifdef TREE
  :: d_step { lapsed(CHILD) -> end_attempt(CHILD, true) }
#endif
  od
}

proctype User() {
  do
  :: d_step { may_cancel(0) -> cancel(0) }
#ifdef TREE
  :: d_step { may_cancel(CHILD) -> cancel(CHILD) }
  :: d_step { (waits_for & FOR_ANSWER) -> resume() }
#endif
  od
}

/* One tick of all clocks. A worker stops within the margin: before the tick at which its lease ends. */
#define on_time(w) (workers[w].task == idle || workers[w].left > 0)

proctype Clock() {
  do
  :: d_step {
      on_time(0) && on_time(1) ->
      do
      :: n < RUNS && runs[n].left > 0 -> runs[n].left--; n++
      :: n < RUNS && runs[n].left == 0 -> n++
      :: else -> break
      od;
      n = 0;
      do
      :: n < WORKERS && workers[n].task != idle -> workers[n].left--; n++
      :: n < WORKERS && workers[n].task == idle -> n++
      :: else -> break
      od;
#ifdef LEASES
      n = len(wire);
      do
      :: n > 0 ->
        wire?m;
        if
        :: grows_old(m.kind) && m.age < OLDEST -> m.age++
        :: else -> skip
        fi;
        wire!m; n--
      :: else -> break
      od;
#endif
      clear(m)
    }
  od
}

init {
  atomic {
    runs[0].status = pending; runs[0].owner = NOBODY;
#ifdef TREE
    runs[CHILD].status = absent; runs[CHILD].owner = NOBODY;
#endif
    workers[0].task = idle; workers[1].task = idle;
    run Worker(0); run Worker(1); run Network(); run Sweeper(); run User(); run Clock()
  }
}

#ifdef TREE
/* A run that waits for a child that has ended goes on. */
#define overslept (runs[PARENT].status == waiting && (waits_for & FOR_CHILD) && terminal(CHILD))
ltl never_stuck { [] (overslept -> <> !overslept) }
#endif

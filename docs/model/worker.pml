/*
 * A worker: what its answers mean to it, and what it does by itself. Names in comments are those of packages/core/src/worker.
 */

/* LeaseRenewal.deadlineFrom: the ticks until the worker stops, by the age of its request. */
#ifdef FAULT_DEADLINE_FROM_ANSWER
#define deadline(age) (LEASE - MARGIN)
#else
#define deadline(age) (LEASE - MARGIN - (age))
#endif

inline begin(w, r) {
  holds(one_holder, !believes(1 - w, r));
  workers[w].task = working; workers[w].run_id = r; workers[w].epoch = runs[r].epoch; workers[w].grant = runs[r].grants;
  workers[w].left = deadline(0);
#ifdef LOG
  workers[w].base = runs[r].length;
#endif
#ifdef TREE
  workers[w].phase = (r == CHILD || child_ended -> 2 : (spawned -> 1 : 0))
#endif
}

inline stop(w) {
  workers[w].task = idle; workers[w].run_id = 0; workers[w].epoch = 0; workers[w].grant = 0; workers[w].left = 0;
  workers[w].how = 0;
#ifdef LOG
  workers[w].base = 0; workers[w].made = 0; workers[w].acked = 0;
#endif
#ifdef TREE
  workers[w].phase = 0; workers[w].wait = 0
#endif
}

/* ---- Answers ---- */

#ifdef LEASES
#define OLDEST (LEASE - MARGIN)
#define grows_old(kind) (kind == Claim || kind == Given || kind == Renew || kind == Held)

/* ClaimLoop, RunRecords.start: the answer to the claim that has none yet. A run whose deadline has passed does not start. */
inline receive_given() {
  if
  :: workers[w].task == idle && workers[w].claim == m.claim ->
    workers[w].claim++;
    if
#ifndef FAULT_LATE_CLAIM_STARTED
    :: deadline(m.age) == 0 -> skip
#endif
    :: else -> begin(w, 0); workers[w].epoch = m.epoch; workers[w].grant = m.grant; workers[w].left = deadline(m.age)
    fi
  :: else -> skip
  fi
}

/* LeaseRenewal.apply */
inline receive_held() {
  if
  :: of_worker(w) -> workers[w].left = deadline(m.age)
  :: else -> skip
  fi
}
#endif

#ifdef LOG
/* Whether the message is about all events of the worker that are not confirmed. */
#define is_latest (of_worker(w) && m.first == workers[w].acked && m.first + m.count == workers[w].made)

inline find_in_log() {
  do
  :: n < m.count -> holds(nothing_lost, runs[r].log[m.cursor + n] == event(n)); n++
  :: else -> break
  od
}

/* AppendBuffer.append */
inline receive_appended() {
  if
  :: is_latest -> find_in_log(); workers[w].acked = workers[w].made
  :: else -> skip
  fi
}

inline receive_mismatch() { holds(repeatable, !is_latest) }
#endif

/* RunWrite */
inline receive_done() {
  if
  :: of_worker(w) && workers[w].task == completing ->
    holds(nothing_lost, runs[r].status == completed && runs[r].owner == w && runs[r].grants == m.grant);
#ifdef LOG
    find_in_log();
#endif
    stop(w)
  :: of_worker(w) && workers[w].task == leaving -> stop(w)
  :: else -> skip
  fi
}

inline receive_refused() {
  if
  :: of_worker(w) -> stop(w)
  :: else -> skip
  fi
}

#ifdef TREE
inline receive_spawned() {
  if
  :: of_worker(w) && workers[w].phase == 0 -> holds(nothing_lost, spawned); workers[w].phase = 1
  :: else -> skip
  fi
}
#endif

#ifdef FAULT_CANCEL_PUSHED
inline receive_signal() {
  if
  :: workers[w].task != idle && workers[w].run_id == r -> d_step { stop(w) }
  :: else -> skip
  fi
}
#endif

/* ---- Steps ---- */

/* Sends a request. While it is under way the worker may send it again. */
inline send(request) {
  m.kind = request; m.worker = me; m.run_id = workers[me].run_id; m.epoch = workers[me].epoch; m.grant = workers[me].grant;
#ifdef LOG
  m.cursor = workers[me].base + workers[me].acked; m.first = workers[me].acked; m.count = workers[me].made - workers[me].acked;
#endif
#ifdef TREE
  m.wait = workers[me].wait;
#endif
  wire!!m; clear(m)
}

#ifdef LOG
#define can_make(w) (workers[w].made < EVENTS && workers[w].base + workers[w].made < ROOM)
#endif

proctype Worker(byte me) {
  do
#ifdef LEASES
  /* ClaimLoop: under the same id until an answer comes. */
  :: d_step {
      has_room && workers[me].task == idle && !terminal(0) ->
      m.kind = Claim; m.worker = me; m.claim = workers[me].claim; wire!!m; clear(m)
    }
  /* LeaseRenewal.renewAll */
  :: d_step { has_room && workers[me].task != idle -> send(Renew) }
#else
  /* Claims on a network are in LEASES. */
  :: d_step { workers[me].task == idle && can_give(0, me) -> give(0, me); begin(me, 0) }
#endif
#ifdef LOG
  /* AppendBuffer: a repeat has the same cursor, and the events that were made meanwhile. */
  :: d_step { has_room && workers[me].task == working && can_make(me) -> workers[me].made++; send(Append) }
  :: d_step { has_room && workers[me].task == working && workers[me].acked < workers[me].made -> send(Append) }
#endif
#ifdef TREE
  :: d_step { workers[me].task == idle && can_give(CHILD, me) -> give(CHILD, me); begin(me, CHILD) }
  :: d_step { has_room && workers[me].task == working && workers[me].phase == 0 -> send(Spawn) }
  /* A wait: the executor stops, and the run is suspended for its conditions. */
  :: atomic {
      has_room && workers[me].task == working && workers[me].run_id == PARENT && workers[me].phase > 0 ->
      if
      :: workers[me].phase == 1 -> workers[me].wait = FOR_CHILD
      :: workers[me].phase == 1 && !answered -> workers[me].wait = FOR_CHILD + FOR_ANSWER
      :: workers[me].phase == 2 && !answered -> workers[me].wait = FOR_ANSWER
      fi;
      d_step { workers[me].task = leaving; workers[me].how = Suspend; send(Suspend) }
    }
#endif
#ifdef LEASES
  /* A drain, or a retryable failure: the executor stops, and the run is handed back. */
  :: d_step { has_room && workers[me].task == working -> workers[me].task = leaving; workers[me].how = Release; send(Release) }
  :: d_step { has_room && workers[me].task == working -> workers[me].task = leaving; workers[me].how = Retry; send(Retry) }
#endif
  :: d_step { has_room && workers[me].task == leaving -> send(workers[me].how) }
  :: d_step {
      has_room && (workers[me].task == working || workers[me].task == completing) -> workers[me].task = completing; send(Complete)
    }
  /* LeaseRenewal.watch */
  :: d_step { workers[me].task != idle && workers[me].left == 0 -> stop(me) }
  od
}

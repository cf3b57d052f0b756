/*
 * What the model is about: its bounds and properties, a run in the store, a worker, and the messages between them.
 */

/* ---- Bounds ---- */

#define WORKERS 2
#define NOBODY 2

#ifdef TREE
#define RUNS 2
#define PARENT 0
#define CHILD 1
#define FOR_CHILD 1
#define FOR_ANSWER 2
#else
#define RUNS 1
#endif

/* The length of a lease in ticks, and how much earlier its worker stops. */
#ifndef LEASE
#define LEASE 2
#endif
#ifdef FAULT_NO_MARGIN
#define MARGIN 0
#else
#define MARGIN 1
#endif

/* How often a run is given to a worker, so that the search ends, and how many attempts it has. */
#ifndef CLAIMS
#define CLAIMS 3
#endif
#define MAX_ATTEMPTS 2

/* How many messages are under way at once: 4 at most. */
#ifndef WIRE
#define WIRE 2
#endif

/* How many events an attempt makes, and a log holds. The second event of an attempt is the record of a step. */
#define EVENTS 2
#define ROOM 3

/* ---- Properties: the assertion that fails names one ---- */

hidden byte one_holder;    /* the belief of a worker ends before the store gives its run away */
hidden byte fenced;        /* only the holder changes a run */
hidden byte cancel_stays;  /* nothing happens to a run after its cancellation was acknowledged */
hidden byte nothing_lost;  /* what was acknowledged is stored */
hidden byte applied_once;  /* no event is in a log twice */
hidden byte repeatable;    /* an append is not refused for having been applied */
hidden byte one_outcome;   /* the first outcome stands */
hidden byte wakes_once;    /* only what a run waits for ends its wait */
hidden byte poison_stops;  /* no run is given again after MAX_ATTEMPTS attempts without outcome or progress */

#define holds(property, condition) property = (condition); assert(property)

/* ---- A run in the store ---- */

mtype:status = { absent, pending, running, waiting, completed, failed, cancelled };

#define terminal(r) (runs[r].status == completed || runs[r].status == failed || runs[r].status == cancelled)

typedef Run {
  mtype:status status;
  byte attempt;
  byte epoch;
  byte owner;      /* a worker, or NOBODY */
  byte left;       /* ticks until the lease lapses */
  bool progress;   /* the attempt has recorded a step */
#ifdef LEASES
  byte claim;      /* the id of the claim that gave the run */
  bool renewed;    /* since then, by a renewal or a repeat of the claim */
#endif
#ifdef LOG
  byte length;     /* latestSequence */
  byte log[ROOM];
#endif
  /* What only properties read: */
  byte grants;     /* how often the run was given: it names the holder whatever the epoch is */
  byte fruitless;  /* the attempts that poison_stops counts */
  bool revoked;    /* the cancellation was acknowledged */
};

Run runs[RUNS];

#ifdef TREE
/* The rest of the parent's state. */
bool spawned;
bool child_ended;  /* the bit of the child */
bool answered;
byte waits_for;
#endif

/* ---- A worker, which executes one run at a time ---- */

mtype:task = { idle, working, completing, leaving };

typedef Holder {
  mtype:task task;
  byte run_id, epoch, grant;
  byte left;               /* ticks until the worker stops */
  byte how;                /* of leaving: the kind of request */
#ifdef LEASES
  byte claim;              /* the id of the next claim */
#endif
#ifdef LOG
  byte base, made, acked;  /* the log before the attempt; its events, and those that are confirmed */
#endif
#ifdef TREE
  byte phase;              /* of the parent's program: 0 spawns, 1 joins, 2 asks */
  byte wait;               /* of leaving: what the run waits for */
#endif
};

Holder workers[WORKERS];

/* One that hands its run back or suspends it has stopped the executor. */
#define believes(w, r) ((workers[w].task == working || workers[w].task == completing) && workers[w].run_id == r)

/* ---- The network ---- */

mtype:kind = {
  /* requests */
  Claim, Renew, Append, Complete, Release, Retry, Suspend, Spawn,
  /* their answers; Refused is LeaseLost, RunEnded or Cancelled, and stops the worker */
  Given, Held, Appended, Mismatch, Done, Spawned, Refused,
  /* within the store: a claim that waits for a run, and one whose caller is gone */
  Parked, HandBack,
  /* of faults */
  Admitted, Ending, Signal
};

typedef Message {
  mtype:kind kind;
  byte worker, run_id, epoch, grant;
#ifdef LOG
  byte cursor, first, count;  /* the log before these events of the attempt */
#endif
#ifdef TREE
  byte wait;
#endif
#ifdef LEASES
  byte claim;
  byte age;                   /* since it was sent. The last field: a tick keeps the order of the wire */
#endif
};

/* Messages are sent sorted and taken anywhere, so that the wire is a bag. */
chan wire = [WIRE] of { Message };
#define has_room (len(wire) < WIRE)

/* The message of this step with its run and worker, and counters. All are 0 between two steps. */
Message m, other;
byte r, w, i, n, there;

inline clear(x) {
  x.kind = 0; x.worker = 0; x.run_id = 0; x.epoch = 0; x.grant = 0;
#ifdef LOG
  x.cursor = 0; x.first = 0; x.count = 0;
#endif
#ifdef TREE
  x.wait = 0;
#endif
#ifdef LEASES
  x.claim = 0; x.age = 0;
#endif
  r = 0; w = 0; n = 0; there = 0
}

#define of_worker(w) (workers[w].task != idle && workers[w].run_id == r && workers[w].epoch == m.epoch)

/* Where there is no room for a message, it is lost. */
inline put() {
  if
  :: has_room -> wire!!m
  :: else -> skip
  fi
}

/* An answer that its worker awaits no longer means nothing to it, so it is left out. */
inline answer(verdict) {
  m.kind = verdict;
#ifdef LEASES
  if
  :: verdict == Held -> skip
  :: else -> m.age = 0
  fi;
#endif
  if
  :: of_worker(w) -> put()
  :: else -> skip
  fi
}

/*
 * Ticks of a schedule, for Spin: two servers on one database, and a client that backfills. README.md says how to check it.
 *
 * A tick is one commit (`TickOperation`): it locks the schedule, begins a run whose public id is that of the tick, and sets the next tick.
 * A server dies at any moment, which undoes its transaction. Another one lives.
 */

#define SERVERS 2
#define NOBODY 2

/* The instants of the ticks are 0 to TICKS - 1, and how often a server dies. */
#ifndef TICKS
#define TICKS 4
#endif
#ifndef DEATHS
#define DEATHS 2
#endif

/* ---- Properties ---- */

hidden byte ticks_once;     /* no tick begins two runs */
hidden byte no_tick_lost;   /* each tick that is due has its run once nothing more happens, and one server has lived */

#define holds(property, condition) property = (condition); assert(property)

/* ---- The database ---- */

byte now;
byte next;              /* next_nominal of the schedule */
byte begun[TICKS];      /* the runs of each tick, in order of commit */
byte lock = NOBODY;     /* who has the row of the schedule */
byte deaths;

/* `inputs_by_public_id`: a run of the same id is the run that is there. */
inline begin_run(tick) {
#ifdef FAULT_NO_TICK_ID
  begun[tick]++;
#else
  if
  :: begun[tick] == 0 -> begun[tick]++
  :: else -> skip
  fi;
#endif
  holds(ticks_once, begun[tick] <= 1)
}

/* The next tick follows the nominal time of this one. */
inline advance(tick) {
#ifdef FAULT_NEXT_FROM_NOW
  next = now + 1
#else
  next = tick + 1
#endif
}

/* ---- Processes ---- */

active proctype Clock() {
  do
  :: atomic { now < TICKS - 1 -> now++ }
  :: now == TICKS - 1 -> break
  od
}

proctype Server(byte me) {
  byte tick;
end:
  do
  :: /* `readDue` skips rows that others have locked. */
     atomic { next <= now && next < TICKS && lock == NOBODY -> lock = me; tick = next };
     if
     :: atomic { deaths < DEATHS -> deaths++; lock = NOBODY; tick = 0 }
     :: /* The commit: the run and the next tick. */
#ifdef FAULT_TICK_IN_TWO_COMMITS
        atomic { advance(tick); lock = NOBODY };
        if
        :: atomic { deaths < DEATHS -> deaths++; tick = 0 }
        :: atomic { begin_run(tick); tick = 0 }
        fi
#else
        atomic { begin_run(tick); advance(tick); lock = NOBODY; tick = 0 }
#endif
     fi
  od
}

/* `backfill` begins runs of ticks that have been, and reads no lock. */
active proctype Backfill() {
  byte tick;
  do
  :: atomic { tick < TICKS && tick <= now -> begin_run(tick); tick++ }
  :: tick < TICKS -> tick++
  :: tick == TICKS -> break
  od
}

init {
  atomic { run Server(0); run Server(1) };
  timeout ->
    byte t;
    for (t : 0 .. TICKS - 1) { holds(no_tick_lost, begun[t] == 1) }
}

#ifdef GOAL_TICK_AFTER_DEATH
hidden byte out_of_reach;

/* Each server has died in a tick, and all ticks have their runs. */
active proctype Goal() {
  deaths == 2 && next == TICKS && lock == NOBODY -> out_of_reach = 0; assert(out_of_reach)
}
#endif

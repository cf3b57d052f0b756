/*
 * States that must be within reach, so that the properties speak of a protocol that does its work.
 */

#if defined(GOAL_TAKEN_OVER)
/* A worker completes a run that another one has lost. */
#define goal (runs[0].status == completed && runs[0].owner == 1 && runs[0].grants == 2)
#elif defined(GOAL_POISONED)
#define goal (runs[0].status == failed)
#elif defined(GOAL_GIVEN_AGAIN)
/* A worker has a run by a repeat of its claim, while the store is about to hand it back for the first one. */
#define goal (workers[0].task == working && workers[0].epoch == 1 && wire ?? [HandBack, 0, 0, 1, 0, 0, 0])
#elif defined(GOAL_TWO_ATTEMPTS_IN_LOG)
/* The log of a completed run has the events of two attempts. */
#define goal (runs[0].status == completed && runs[0].length == ROOM && runs[0].log[0] <= EVENTS && runs[0].log[ROOM - 1] > EVENTS)
#elif defined(GOAL_PROGRESS)
/* A run is given more often than it has attempts, since one of them has recorded a step. */
#define goal (runs[0].grants > MAX_ATTEMPTS)
#elif defined(GOAL_JOINED)
/* A parent completes after its child and the answer. */
#define goal (runs[PARENT].status == completed && runs[CHILD].status == completed && answered && runs[PARENT].grants == 3)
#elif defined(GOAL_ANSWERED_FIRST)
/* The answer ends a wait, and the child goes on. */
#define goal (runs[PARENT].status == pending && answered && !child_ended && runs[CHILD].status == running)
#elif defined(GOAL_ORPHANED)
/* The end of a parent ends its child. */
#define goal (runs[PARENT].status == failed && runs[CHILD].status == cancelled && !runs[CHILD].revoked)
#endif

#ifdef goal
hidden byte out_of_reach;

active proctype Goal() {
  goal -> out_of_reach = 0; assert(out_of_reach)
}
#endif

/**
 * Who may do what: a line for each endpoint, a column for each kind of principal.
 *
 * A number is the status of the answer. `lost`: the caller does not hold the lease of the run. `+N`: the status of the operations of an
 * exchange, and of the runs of a batch. The requests name things of project `default`: a run, its conversation, the worker that holds it, a key. What a principal
 * of another project cannot see is for it as what does not exist; where that is no failure, the answer is empty.
 *
 * - `nobody`: no token, a malformed one, an unknown one, a key that was revoked or has expired, a worker whose key was revoked, a session
 *   that has expired. Each gets this answer.
 * - `key`, `admin`, `session`: an API key of the project, an admin key of it, a session of the key from a page of this server.
 * - `cross`: the same session, from a page of another site.
 * - `holder`: the worker that holds the run. `other`: another worker of the project, under its own id. `posing`: that worker, under the
 *   id of the holder.
 * - `program`: the program of the run, by a token that its holder has signed. `astray`: the program of another run of that worker.
 *   `usurper`: the program of the run, as another worker says that it holds it.
 * - `f-…`: the same of another project. `f-worker` is under its own id, `f-posing` under that of the holder.
 *
 * `limits.remove` removes what `limits.define` has defined, so it is found once.
 *
 * An admin key is admin of every project, so `f-admin` may prune, and create, list and revoke keys.
 */
export const matrix = `
endpoint                       nobody   key  admin  session  cross  holder  other  posing  program  astray  usurper  f-key  f-admin  f-session  f-worker  f-posing  f-program
runs.submit                       401   202    202      202    403     403    403     403      403     403      403    404      404        404       403       403        403
runs.submitMany                   401  +202   +202     +202    403     403    403     403      403     403      403   +404     +404       +404       403       403        403
runs.run                          401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
runs.label                        401   200    200      200    403     403    403     403      403     403      403    404      404        404       403       403        403
runs.snapshot                     401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
runs.events                       401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
runs.steps                        401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
runs.stream                       401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
runs.list                         401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
runs.prune                        401   403    200      403    403     403    403     403      403     403      403    403      200        403       403       403        403
runs.complete                     401   200    200      200    403     200   lost    lost      403     403      403    404      404        404       404       404        403
runs.retry                        401   202    202      202    403     403    403     403      403     403      403    404      404        404       403       403        403
runs.fork                         401   202    202      202    403     403    403     403      403     403      403    404      404        404       403       403        403
runs.tell                         401   201    201      201    403     403    403     403      201     403     lost    404      404        404       403       403        404
runs.cancel                       401   200    200      200    403     403    403     403      403     403      403    404      404        404       403       403        403
runs.resume                       401   200    200      200    403     403    403     403      403     403      403    404      404        404       403       403        403
runs.followUp                     401   200    200      200    403     403    403     403      403     403      403    404      404        404       403       403        403
runs.inputs                       401   200    200      200    200     403    403     403      403     403      403    200      200        200       403       403        403
usage.usage                       401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
schedules.create                  401   201    201      201    403     403    403     403      403     403      403    404      404        404       403       403        403
schedules.list                    401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
schedules.apply                   401   200    200      200    403     403    403     403      403     403      403    404      404        404       403       403        403
schedules.get                     401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
schedules.update                  401   200    200      200    403     403    403     403      403     403      403    404      404        404       403       403        403
schedules.remove                  401   200    200      200    403     403    403     403      403     403      403    404      404        404       403       403        403
schedules.pause                   401   200    200      200    403     403    403     403      403     403      403    404      404        404       403       403        403
schedules.resume                  401   200    200      200    403     403    403     403      403     403      403    404      404        404       403       403        403
schedules.runNow                  401   201    201      201    403     403    403     403      403     403      403    404      404        404       403       403        403
schedules.backfill                401   200    200      200    403     403    403     403      403     403      403    404      404        404       403       403        403
schedules.upcoming                401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
bulk.begin                        401   202    202      202    403     403    403     403      403     403      403    404      404        404       403       403        403
bulk.list                         401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
bulk.get                          401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
bulk.abort                        401   200    200      200    403     403    403     403      403     403      403    404      404        404       403       403        403
observe.statistics                401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
observe.attention                 401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
observe.runSummaries              401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
observe.runCounts                 401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
observe.runSummary                401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
observe.standing                  401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
observe.runLive                   401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
observe.projectLive               401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
observe.workerSummaries           401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
observe.held                      401   200    200      200    200     403    403     403      403     403      403    200      200        200       403       403        403
observe.lostLeases                401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
observe.agents                    401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
observe.drain                     401   200    200      200    403     403    403     403      403     403      403    404      404        404       403       403        403
signIn.signIn                     401   201    201      401    403     403    403     403      403     403      403    201      201        401       403       403        403
signIn.signOut                    204   204    204      204    403     204    204     204      204     204      204    204      204        204       204       204        204
session.session                   401   200    200      200    200     403    403     403      403     403      403    200      200        200       403       403        403
conversations.create              401   201    201      201    403     403    403     403      403     403      403    404      404        404       403       403        403
conversations.conversation        401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
conversations.addMessage          401   201    201      201    403     403    403     403      403     403      403    404      404        404       403       403        403
conversations.messages            401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
conversations.conversationRun     401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
conversations.append              401   200    200      200    403     200   lost    lost      200     403     lost    404      404        404       404       404        404
conversations.stream              401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
agUi.runAgent                     401   200    200      200    403     403    403     403      403     403      403    200      200        200       403       403        403
agUi.capabilities                 401   200    200      200    200     403    403     403      403     403      403    200      200        200       403       403        403
threads.thread                    401   200    200      200    200     403    403     403      403     403      403    200      200        200       403       403        403
threads.threadStream              401   200    200      200    200     403    403     403      403     403      403    200      200        200       403       403        403
threads.stopThread                401   200    200      200    403     403    403     403      403     403      403    200      200        200       403       403        403
limits.limits                     401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
limits.pauseLimit                 401   200    200      200    403     403    403     403      403     403      403    404      404        404       403       403        403
limits.resumeLimit                401   200    200      200    403     403    403     403      403     403      403    404      404        404       403       403        403
limits.define                     401   200    200      200    403     403    403     403      403     403      403    404      404        404       403       403        403
limits.named                      401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
limits.remove                     401   200    404      404    403     403    403     403      403     403      403    404      404        404       403       403        403
limits.setProjectLimit            401   200    200      200    403     403    403     403      403     403      403    404      404        404       403       403        403
limits.pauseProject               401   200    200      200    403     403    403     403      403     403      403    404      404        404       403       403        403
limits.resumeProject              401   200    200      200    403     403    403     403      403     403      403    404      404        404       403       403        403
limits.setAgentLimit              401   200    200      200    403     403    403     403      403     403      403    404      404        404       403       403        403
limits.pauseAgent                 401   200    200      200    403     403    403     403      403     403      403    404      404        404       403       403        403
limits.resumeAgent                401   200    200      200    403     403    403     403      403     403      403    404      404        404       403       403        403
workers.register                  401   201    201      201    403     403    403     403      403     403      403    404      404        404       403       403        403
workers.workers                   401   200    200      200    200     403    403     403      403     403      403    404      404        404       403       403        403
workers.revokeTokens              401   200    200      200    403     403    403     403      403     403      403    404      404        404       403       403        403
workers.heartbeat                 401   200    200      200    403     200    200     403      403     403      403    404      404        404       200       403        403
workers.claim                     401   200    200      200    403     200    200     403      403     403      403    404      404        404       200       403        403
workers.renew                     401   200    200      200    403     200   lost     403      403     403      403   lost     lost       lost      lost       403        403
workers.renewMany                 401   200    200      200    403     200   lost     403      403     403      403   lost     lost       lost      lost       403        403
workers.release                   401   200    200      200    403     200   lost     403      403     403      403    404      404        404       404       403        403
workers.suspend                   401   200    200      200    403     200   lost     403      403     403      403    404      404        404       404       403        403
workers.spawn                     401   201    201      201    403     201   lost     403      201     403     lost    404      404        404       404       403        404
workers.session                   401   200    200      200    403     200   lost     403      403     403      403    404      404        404       404       403        403
workers.signals                   401   200    200      200    200     200    200     403      403     403      403    200      200        200       200       403        403
exchange.exchange                 401  +200   +200     +200    403    +200   lost     403      403     403      403   +404     +404       +404      +404       403        403
keys.createProject                401   403    201      403    403     403    403     403      403     403      403    403      201        403       403       403        403
keys.projects                     401   403    200      403    403     403    403     403      403     403      403    403      200        403       403       403        403
keys.createKey                    401   403    201      403    403     403    403     403      403     403      403    403      201        403       403       403        403
keys.keys                         401   403    200      403    403     403    403     403      403     403      403    403      200        403       403       403        403
keys.revokeKey                    401   403    200      403    403     403    403     403      403     403      403    403      200        403       403       403        403
health.healthz                    200   200    200      200    200     200    200     200      200     200      200    200      200        200       200       200        200
health.readyz                     200   200    200      200    200     200    200     200      200     200      200    200      200        200       200       200        200
`

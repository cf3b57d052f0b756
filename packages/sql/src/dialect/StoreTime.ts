/**
 * Whose time leases go by.
 *
 * @since 0.1.0
 */
import { Context } from "effect"

/**
 * On PostgreSQL the database's, which all servers share, unless a test that moves time on says that it is Effect's
 * Clock. SQLite always goes by the Clock, as `StoreClock` reads it.
 *
 * @since 0.1.0
 * @category references
 */
export class StoreTime extends Context.Reference<StoreTime>()("@runlease/sql/StoreTime", {
  defaultValue: (): "database" | "clock" => "database",
}) {}

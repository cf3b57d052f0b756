/** The pages of the sidebar. A phone has those with `isRare` behind "More". */
import {
  CalendarClock,
  FlaskConical,
  Gauge,
  Inbox,
  Merge,
  MessagesSquare,
  Rows3,
  Server,
  Webhook,
} from "lucide-react"

export const pages = [
  { to: "/", label: "Overview", key: "g o", Icon: Gauge, isRare: false },
  { to: "/runs", label: "Runs", key: "g r", Icon: Rows3, isRare: false },
  { to: "/conversations", label: "Conversations", key: "g c", Icon: MessagesSquare, isRare: true },
  { to: "/workers", label: "Workers", key: "g w", Icon: Server, isRare: false },
  { to: "/schedules", label: "Schedules", key: "g s", Icon: CalendarClock, isRare: true },
  { to: "/trials", label: "Trials", key: "g t", Icon: FlaskConical, isRare: true },
  { to: "/limits", label: "Limits", key: "g l", Icon: Merge, isRare: true },
  { to: "/webhooks", label: "Webhooks", key: "g h", Icon: Webhook, isRare: true },
  { to: "/outbox", label: "Outbox", key: "g b", Icon: Inbox, isRare: true },
] as const

export type PagePath = (typeof pages)[number]["to"]

/** The pages of the sidebar. */
import { Gauge, MessagesSquare, Rows3, Server } from "lucide-react"

export const pages = [
  { to: "/", label: "Overview", key: "g o", Icon: Gauge },
  { to: "/runs", label: "Runs", key: "g r", Icon: Rows3 },
  { to: "/conversations", label: "Conversations", key: "g c", Icon: MessagesSquare },
  { to: "/workers", label: "Workers", key: "g w", Icon: Server },
] as const

export type PagePath = (typeof pages)[number]["to"]

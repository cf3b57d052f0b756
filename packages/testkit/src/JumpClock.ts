export * from "@runlease/core/JumpClock"

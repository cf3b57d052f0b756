# Reads its request from stdin and answers in plain text: lines become the assistant's message.
{ request = request $0 }

END {
  prompt = ENVIRON["RUNLEASE_PROMPT"]
  words = split(prompt, unused, /[ \t\n]+/)
  print "attempt " ENVIRON["RUNLEASE_ATTEMPT"] " of " ENVIRON["RUNLEASE_RUN_ID"]
  print words " words, " length(prompt) " characters, a request of " (length(request) > 0 ? "some" : "no") " JSON"
  print "{\"type\":\"CUSTOM\",\"name\":\"words\",\"value\":" words "}"
  fflush()
}

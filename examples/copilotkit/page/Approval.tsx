/** A question with two answers. */
export const Approval = ({
  onAnswer,
  question,
}: {
  question: string
  onAnswer: (approved: boolean) => void
}) => (
  <div className="approval" role="group" aria-label={question}>
    <p>{question}</p>
    <button onClick={() => onAnswer(true)}>Approve</button>
    <button className="quiet" onClick={() => onAnswer(false)}>
      Decline
    </button>
  </div>
)

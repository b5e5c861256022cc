"""Operations on a deployed environment: labels, rollouts, history, drift, recovery."""

"""Operations on a deployed environment: labels, rollouts, history, inventory, drift."""

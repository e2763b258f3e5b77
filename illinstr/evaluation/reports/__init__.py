"""What is shown of the results: report, plots, verdict, leaderboard."""

# Progress of long computations that are made in parts.

# A function to call with the number of steps done since the last call. Steps are signalled through
# the progressr package, which shows them as the user has chosen there, by default not at all;
# `how` is "txt" for a plain text bar, which is also what interactive sessions without progressr
# get, and "none".
progress_reporter <- function(steps, how = "auto", width = 30L, available = has_progressr()) {
  if (how == "none" || steps < 2L) return(function(done) invisible())
  if (how == "auto" && available) {
    signal <- progressr::progressor(steps = steps, on_exit = FALSE)
    return(function(done) signal(amount = done))
  }
  if (how == "auto" && !interactive()) return(function(done) invisible())
  text_bar(steps, width, quiet_for = if (how == "txt") 0 else 2)
}

has_progressr <- function() requireNamespace("progressr", quietly = TRUE)

# A bar on stderr, from `quiet_for` seconds on, with the time that is left.
text_bar <- function(steps, width, quiet_for) {
  started <- Sys.time()
  so_far <- 0
  shown <- FALSE
  function(done) {
    so_far <<- so_far + done
    passed <- as.numeric(Sys.time() - started, units = "secs")
    if (passed < quiet_for || (!shown && so_far >= steps && quiet_for > 0)) return(invisible())
    shown <<- TRUE
    bar <- strrep("=", round(width * so_far / steps))
    left <- passed * (steps - so_far) / so_far
    cat(sprintf("\r|%-*s| %3.0f %%  %s", width, bar, 100 * so_far / steps, time_text(left)),
      if (so_far >= steps) "\n", file = stderr(), sep = "")
  }
}

# Of one width, so that a shorter text covers the one before.
time_text <- function(seconds) {
  text <- if (seconds >= 5400) sprintf("%.1f hours left", seconds / 3600) else if (seconds >= 100) {
    sprintf("%.0f minutes left", seconds / 60)
  } else {
    sprintf("%.0f s left", seconds)
  }
  formatC(text, width = -18L)
}

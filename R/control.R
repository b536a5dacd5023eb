#' Settings of a fit
#'
#' @param tol The search stops when a Newton step would lower the criterion by less than `tol`.
#'   (A fit is certified as a local optimum when no step gains more than 1e-8.)
#' @param max_eval Largest number of evaluations of the criterion.
#' @param threads Number of threads. `NULL`: see the section on threads.
#' @param progress Show the progress of computations that take longer than two seconds?
#' @param check A named list that says what to do about a finding: `"stop"`, `"warning"`,
#'   `"message"` or `"ignore"`. Findings that are not named keep their default.
#'   * `nlev_gtr_1` (`"stop"`): a grouping factor with one level;
#'   * `nobs_vs_nlev` (`"stop"`): a grouping factor with as many levels as there are observations;
#'   * `nobs_vs_nRE` (`"stop"`): a term with as many random effects as there are observations;
#'   * `rank_X` (`"message"`): redundant columns in the model matrix of the fixed effects, which are
#'     dropped.
#'
#'   Where the residual variance is known, as in a meta-analysis, the second and third are no
#'   errors.
#' @param ... Anything else is an error that names the settings there are.
#' @return A list of class `rlmm_control`, for the argument `control` of [rlmm()].
#' @section Threads:
#' By default half of the processors, but at least two, and never more than this process
#' may use (its affinity, and the limits of a container). The option `rlmm.threads` sets
#' another number, the argument `threads` goes before it. The environment variables
#' `OMP_THREAD_LIMIT` and `_R_CHECK_LIMIT_CORES_` (at most two) are limits too. In a forked process
#' or a worker of a cluster there is one thread, unless `threads` asks for more. More than one
#' thread is used only where it pays. The estimates do not depend on the number, to 1e-9.
#' @section Errors:
#' `rlmm_control` for an unknown setting or a value that cannot be one.
#' @examples
#' rlmm_control(check = list(nobs_vs_nlev = "ignore", nobs_vs_nRE = "ignore"))
#' @export
rlmm_control <- function(tol = 1e-12, max_eval = 500L, threads = NULL, progress = interactive(),
                         check = list(), ...) {
  if (...length()) stop_unknown_settings(names(match.call(expand.dots = FALSE)$...))
  positive_number(tol, "tol")
  positive_number(max_eval, "max_eval")
  if (!is.null(threads)) positive_number(threads, "threads")
  if (!isTRUE(progress) && !isFALSE(progress)) {
    stop_rlmm("control", "'progress' must be TRUE or FALSE", column = "progress")
  }
  structure(class = "rlmm_control", list(
    tol = tol, max_eval = as.integer(max_eval), threads = threads, progress = progress,
    check = complete_checks(check)
  ))
}

default_checks <- list(
  nlev_gtr_1 = "stop", nobs_vs_nlev = "stop", nobs_vs_nRE = "stop", rank_X = "message"
)

complete_checks <- function(check) {
  if (!is.list(check) && !is.character(check)) {
    stop_rlmm("control", "'check' must be a named list", column = "check")
  }
  if (length(check) == 0L) return(default_checks)
  check <- as.list(check)
  unknown <- if (is.null(names(check))) rep("", length(check)) else
    setdiff(names(check), names(default_checks))
  if (length(unknown)) {
    stop_rlmm("control", paste0("unknown check ", quoted_list(unknown), "; the checks are ",
      quoted_list(names(default_checks))), column = unknown[1L])
  }
  for (name in names(check)) check_action(name, check[[name]])
  checks <- default_checks
  checks[names(check)] <- check
  checks
}

check_action <- function(name, action) {
  known <- c("stop", "warning", "message", "ignore")
  if (!is.character(action) || length(action) != 1L || !action %in% known) {
    stop_rlmm("control", paste0("the action for the check '", name, "' must be one of ",
      quoted_list(known)), column = name)
  }
}

positive_number <- function(x, name) {
  good <- is.numeric(x) && length(x) == 1L && is.finite(x) && x > 0
  # as.integer() of more than this is NA
  if (!good || name != "tol" && (x < 1 || x > .Machine$integer.max)) {
    stop_rlmm("control", paste0("'", name, "' must be a single positive number"), column = name)
  }
}

stop_unknown_settings <- function(unknown) {
  if (is.null(unknown)) unknown <- "(unnamed)"
  text <- paste0("unknown setting ", quoted_list(unknown), "; rlmm_control() knows ",
    quoted_list(setdiff(names(formals(rlmm_control)), "...")))
  if (any(startsWith(unknown, "check."))) {
    text <- paste0(text, ", and checks as in check = list(nobs_vs_nlev = \"ignore\")")
  }
  stop_rlmm("control", text, column = unknown[1L])
}

# A control object from what the user gave as `control`.
as_control <- function(control) {
  if (inherits(control, "rlmm_control")) return(control)
  if (is.null(control)) return(rlmm_control())
  if (is.list(control) && !is.object(control)) return(do.call(rlmm_control, control))
  stop_rlmm("control", paste0("'control' must be made by rlmm_control(), not by ",
    "lmerControl() or others; it has class '", class(control)[1L], "'"), column = "control")
}

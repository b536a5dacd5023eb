#' What happened in a fit
#'
#' Messages and warnings of the fit, the search, and the time it took, kept with the object.
#'
#' @param object A model fitted by [rlmm()].
#' @param x What `fit_log()` gives.
#' @param ... Not used.
#' @return A list of class `rlmm_fit_log`:
#' * `conditions`: a data frame with a row for each message and warning that was signalled while
#'   the model was fitted, in order, whether or not it was shown: `type` (`"message"` or
#'   `"warning"`), `kind` (its first class, `rlmm_singular` for instance; those of R itself and of
#'   functions in the formula are `simpleWarning` and the like) and `text`. Of a fit made in steps,
#'   see [rlmm_frame()], only what `rlmm_optimize()` and `rlmm_object()` have to say is known.
#' * `search`: see [optinfo()];
#' * `seconds`: the time taken by stage: `frame` (model frame and matrices), `reduce`
#'   (cross-products and the order of elimination), `search`, `object` (estimates and checks).
#'   [refit()] has the last two, of which the first includes the reduction; a fit made in steps has
#'   none.
#' * `date`, `R` and `version` of this package at the time of the fit.
#' @section Errors: `rlmm_no_method` for anything but a fit by [rlmm()].
#' @examples
#' fit <- rlmm(Reaction ~ Days + I(2 * Days) + (Days | Subject), sleepstudy)
#' fit_log(fit)
#' fit_log(fit)$conditions$text
#' @export
fit_log <- function(object) {
  check_fit(object, "fit_log")
  signalled <- object$log$conditions
  structure(class = "rlmm_fit_log", list(
    conditions = if (is.null(signalled)) conditions_of_state(object) else
      conditions_as_signalled(signalled),
    search = optinfo(object), seconds = object$log$seconds, date = object$log$date,
    R = object$log$R, version = object$version
  ))
}

new_record <- function() list2env(list(conditions = list()), parent = emptyenv())

# The value of an expression; what it signals goes to the record, and on to the user.
logged <- function(expr, record) {
  keep <- function(condition) {
    record$conditions <- c(record$conditions, list(list(
      type = if (inherits(condition, "warning")) "warning" else "message",
      kind = class(condition)[1L], text = sub("\n$", "", conditionMessage(condition))
    )))
  }
  withCallingHandlers(expr, message = keep, warning = keep)
}

with_log <- function(fit, record, seconds) {
  fit$log$seconds <- seconds
  fit$log$conditions <- record$conditions
  fit
}

conditions_as_signalled <- function(signalled) {
  part <- function(name) vapply(signalled, `[[`, "", name)
  data.frame(type = part("type"), kind = part("kind"), text = part("text"))
}

# What a fit made in steps must have said, from its state.
conditions_of_state <- function(object) {
  rows <- function(type, kind, text) {
    n <- length(text)
    data.frame(type = rep_len(type, n), kind = rep_len(paste0("rlmm_", kind), n), text = text)
  }
  text_of_kind <- function(kind) {
    findings <- findings_of_kind(kind, term_findings(random_terms(object), object$theta))
    vapply(findings, `[[`, "", "text")
  }
  certificate <- object$optinfo$certificate
  rbind(
    rows("warning", "not_certified", if (!isTRUE(certificate$certified)) {
      not_certified_text(certificate)
    }),
    rows("message", "singular", text_of_kind("singular")),
    rows("warning", "dependent_effects", text_of_kind("dependent_effects"))
  )
}

#' @rdname fit_log
#' @export
print.rlmm_fit_log <- function(x, ...) {
  cat("Fit of ", format(x$date), ", rlmm ", x$version, ", ", x$R, "\n", sep = "")
  if (length(x$seconds)) {
    cat("Seconds: ", paste(names(x$seconds), signif(x$seconds, 2), collapse = ", "), "\n",
      sep = "")
  }
  if (nrow(x$conditions) == 0L) cat("No messages or warnings.\n")
  for (i in seq_len(nrow(x$conditions))) {
    cat(x$conditions$type[i], " (", x$conditions$kind[i], "): ", x$conditions$text[i], "\n",
      sep = "")
  }
  print(x$search)
  invisible(x)
}

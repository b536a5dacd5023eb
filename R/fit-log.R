#' What happened in a fit
#'
#' Messages and warnings of the fit, the search, and the time it took, kept with the object.
#'
#' @param object A model fitted by [rlmm()].
#' @param x What `fit_log()` gives.
#' @param ... Not used.
#' @return A list of class `rlmm_fit_log`: `conditions`, a data frame with the `type` (`"message"`
#'   or `"warning"`), class (`kind`) and `text` of all that the fit signalled, in order; `search`,
#'   see [optinfo()]; `seconds`, by stage (not there for fits made in steps); `date`, `R` and
#'   `version` of this package at the time of the fit.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' fit_log(fit)
#' @export
fit_log <- function(object) {
  check_fit(object, "fit_log")
  structure(class = "rlmm_fit_log", list(
    conditions = rbind(condition_of_rank(object), condition_of_search(object),
      conditions_of_singular_terms(object)),
    search = optinfo(object), seconds = object$log$seconds, date = object$log$date,
    R = object$log$R, version = object$version
  ))
}

condition_rows <- function(type, kind, text) {
  n <- length(text)
  data.frame(type = rep_len(type, n), kind = rep_len(paste0("rlmm_", kind), n), text = text)
}

condition_of_rank <- function(object) {
  dropped <- object$dropped
  action <- object$control$check$rank_X
  if (length(dropped) == 0L || action == "ignore") return(condition_rows("", "", character()))
  condition_rows(action, "rank_deficient",
    paste0("the fixed effects are rank deficient: ", quoted_list(dropped), " dropped"))
}

condition_of_search <- function(object) {
  certificate <- object$optinfo$certificate
  if (isTRUE(certificate$certified)) return(condition_rows("", "", character()))
  condition_rows("warning", "not_certified",
    paste(c("the optimum is not certified", certificate$text), collapse = ": "))
}

conditions_of_singular_terms <- function(object) {
  found <- singular_directions(random_terms(object), object$theta)
  condition_rows("message", "singular", vapply(found, `[[`, "", "text"))
}

#' @rdname fit_log
#' @export
print.rlmm_fit_log <- function(x, ...) {
  cat("Fit of ", format(x$date), ", rlmm ", x$version, ", ", x$R, "\n", sep = "")
  if (length(x$seconds)) {
    cat("Seconds: ", paste(names(x$seconds), format(x$seconds, digits = 2), collapse = ", "), "\n",
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

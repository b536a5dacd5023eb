#' Indicator columns of some levels of a factor
#'
#' For use in formulas: `(0 + dummy(f, "a") | g)` has a random effect for the rows of level `a`
#' only. Name and first arguments are those of lme4's function.
#'
#' @param f A factor, or what can be made one.
#' @param levelsToKeep The levels that get a column; all but the first unless given.
#' @param levels All levels of the factor. A fit remembers them for prediction, where new data may
#'   have but a part of them.
#' @return A matrix of zeros and ones, with a row for each element of `f` (`NA` where that is
#'   missing) and a column for each level kept, of class `rlmm_dummy`.
#' @section Errors: `rlmm_unknown_name` where `levelsToKeep` has what is no level of `f`, and
#'   `rlmm_new_levels` where `f` has what is none of `levels`.
#' @examples
#' dummy(c("a", "b", "c", "a"))
#' d <- transform(sleepstudy, phase = cut(Days, c(-1, 1, 4, 9), c("before", "early", "late")))
#' rlmm(Reaction ~ phase + (1 | Subject) + (0 + dummy(phase, "late") | Subject), d)
#' @export
dummy <- function(f, levelsToKeep, levels = NULL) {
  if (is.null(levels)) levels <- levels(as.factor(f))
  if (missing(levelsToKeep)) levelsToKeep <- levels[-1L]
  levelsToKeep <- as.character(levelsToKeep)
  new <- setdiff(as.character(f), c(levels, NA))
  if (length(new)) {
    stop_rlmm("new_levels", paste0("dummy() does not know the levels ", quoted_list(new)),
      level = new)
  }
  unknown <- setdiff(levelsToKeep, levels)
  if (length(unknown)) {
    stop_rlmm("unknown_name", paste0("'levelsToKeep' has ", quoted_list(unknown),
      ", and the factor has the levels ", quoted_list(levels)), column = "levelsToKeep",
    level = unknown)
  }
  out <- outer(as.character(f), levelsToKeep, `==`) + 0
  dimnames(out) <- list(NULL, levelsToKeep)
  structure(out, levels = levels, class = c("rlmm_dummy", class(out)))
}

# The levels of the fit stand in the call that is evaluated on new data.
#' @importFrom stats makepredictcall
#' @export
makepredictcall.rlmm_dummy <- function(var, call) {
  call$levels <- attr(var, "levels")
  call
}

#' @export
`[.rlmm_dummy` <- function(x, i, j, ..., drop = TRUE) {
  out <- NextMethod()
  if (!is.matrix(out)) return(unclass(out))
  structure(out, levels = attr(x, "levels"), class = oldClass(x))
}

#' The record of the search
#'
#' How the estimates were found, and whether the point was certified as a local optimum.
#'
#' @param object A model fitted by [rlmm()].
#' @param x What `optinfo()` gives.
#' @param digits Number of significant digits.
#' @param ... Not used.
#' @return A list of class `rlmm_optinfo`:
#' * `evaluations`: how often the criterion was evaluated; `stopped`: why the search ended;
#' * `trace`: matrix with the criterion, the norm of the gradient and the trust radius by step;
#' * `gradient`, `hessian`: derivatives of the criterion by theta at the estimates;
#' * `certificate`: `certified`, the Newton decrement, the smallest eigenvalues, the conditions on
#'   the boundary by term, and `text`, which says it in words;
#' * `factorisation`: the grouping factor that is eliminated level by level (`leading`), the `kind`
#'   of matrix chosen for the random effects that remain, how many there are of both, the predicted
#'   `operations` of one evaluation, the operations and bytes of the matrix alone, and `threads`;
#' * `messages`: what the user was told.
#' @section Errors: `rlmm_no_method` for anything but a fit by [rlmm()].
#' @references Nocedal, J. and Wright, S. J. (2006) *Numerical Optimization*, 2nd ed., Springer,
#'   chapter 4 (trust regions).
#'
#' Boyd, S. and Vandenberghe, L. (2004) *Convex Optimization*, Cambridge University Press, section
#' 9.5 (the Newton decrement).
#' @seealso [isSingular()] for singular fits, [multistart()] for searches from other starts.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' optinfo(fit)
#' optinfo(fit)$gradient
#' @export
optinfo <- function(object) {
  if (!inherits(object, "rlmm")) {
    stop_rlmm("no_method", "optinfo() is for models fitted by rlmm()")
  }
  structure(object$optinfo, class = "rlmm_optinfo")
}

#' @rdname optinfo
#' @export
print.rlmm_optinfo <- function(x, digits = max(3, getOption("digits") - 3), ...) {
  cat("Search: ", x$evaluations, " evaluations of the criterion", sep = "")
  cat(if (length(x$stopped)) paste0(" (", x$stopped, ")"), "\n", sep = "")
  if (length(x$certificate$text)) cat("Certificate: ", x$certificate$text, "\n", sep = "")
  if (length(x$factorisation$kind)) cat(factorisation_text(x$factorisation), "\n", sep = "")
  for (text in x$messages) cat("Message: ", text, "\n", sep = "")
  if (length(x$gradient)) {
    cat("Largest entry of the gradient:", format(max(abs(x$gradient)), digits = digits), "\n")
  }
  if (NROW(x$trace)) {
    cat("\n")
    print(format_trace(x$trace, digits), quote = FALSE, right = TRUE)
  }
  invisible(x)
}

# The criterion moves in its last digits only, the other columns over many orders of magnitude.
format_trace <- function(trace, digits) {
  text <- apply(trace, 2L, function(x) format(signif(x, digits - 1L), digits = digits))
  text <- matrix(text, nrow(trace), dimnames = list(rep("", nrow(trace)), colnames(trace)))
  text[, "evaluation"] <- format(trace[, "evaluation"])
  text[, "criterion"] <- formatC(trace[, "criterion"], digits = digits + 2L, format = "f")
  text
}

#' Variances and correlations of the random effects
#'
#' @param x A fitted model, or for the methods of `print()` and `as.data.frame()` what `VarCorr()`
#'   gives.
#' @param sigma The residual standard deviation to use; the fitted one unless given.
#' @param digits Number of significant digits.
#' @param comp What to print: `"Std.Dev."`, `"Variance"` or both.
#' @param corr Print correlations, or else covariances? Correlations unless `comp` is `"Variance"`
#'   alone.
#' @param formatter The function that formats the numbers.
#' @param row.names,optional As in [as.data.frame()]; not used.
#' @param order `"cov.last"` puts the variances of a term before its covariances, `"lower.tri"`
#'   takes the lower triangle column by column.
#' @param ... For `print()`, handed to the formatter.
#' @return `VarCorr()` gives a named list with one covariance matrix for each random-effects term,
#'   each with attributes `stddev` and `correlation`, and the list with attributes `sc` (the
#'   residual standard deviation) and `useSc`. Terms with the same grouping factor are told apart as
#'   `g` and `g.1`. The classes are `rlmm_varcorr` and lme4's `VarCorr.merMod`, so that functions
#'   made for lme4 accept it. The data frame has the columns `grp`, `var1`, `var2`, `vcov` and
#'   `sdcor`.
#' @references
#' Bates, D., Maechler, M., Bolker, B. and Walker, S. (2015) Fitting linear mixed-effects models
#' using lme4. *Journal of Statistical Software* 67(1), 1-48, section 2.
#' \doi{10.18637/jss.v067.i01}
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' VarCorr(fit)
#' print(VarCorr(fit), comp = c("Variance", "Std.Dev."))
#' print(VarCorr(fit), comp = "Variance")
#' as.data.frame(VarCorr(fit))
#' @name VarCorr.rlmm
#' @export
VarCorr.rlmm <- function(x, sigma = 1, ...) {
  scale <- if (missing(sigma)) x$sigma else sigma
  out <- lapply(relative_covariances(x), covariance_with_parts, scale = scale)
  names(out) <- vapply(x$random, `[[`, "", "name")
  structure(out, sc = scale, useSc = TRUE, class = c("rlmm_varcorr", "VarCorr.merMod"))
}

# Covariance matrix with its standard deviations and correlations as attributes. A correlation
# with a zero standard deviation is not defined.
covariance_with_parts <- function(relative, scale) {
  covariance <- relative * scale^2
  stddev <- sqrt(diag(relative)) * scale
  names(stddev) <- rownames(relative)
  correlation <- covariance / outer(stddev, stddev)
  diag(correlation) <- 1
  structure(covariance, stddev = stddev, correlation = correlation)
}

#' @rdname VarCorr.rlmm
#' @export
print.rlmm_varcorr <- function(x, digits = max(3, getOption("digits") - 2), comp = "Std.Dev.",
                               corr = any(comp == "Std.Dev."), formatter = format, ...) {
  table <- format_varcorr(x, digits = digits, comp = comp, corr = corr, formatter = formatter, ...)
  print(table, quote = FALSE, right = FALSE)
  invisible(x)
}

# The table of variances and correlations as text: one row for each column of each term.
format_varcorr <- function(x, digits = 3, comp = "Std.Dev.", corr = TRUE, formatter = format,
                           ...) {
  comp <- match.arg(comp, c("Variance", "Std.Dev."), several.ok = TRUE)
  stddev <- unlist(lapply(x, attr, "stddev"), use.names = FALSE)
  stddev <- c(stddev, if (isTRUE(attr(x, "useSc"))) attr(x, "sc"))
  numbers <- list(Variance = stddev^2, Std.Dev. = stddev)[comp]
  numbers <- vapply(numbers, formatter, character(length(stddev)), digits = digits, ...)
  columns <- lapply(x, rownames)
  groups <- Map(function(name, column) c(name, rep("", length(column) - 1)), names(x), columns)
  labels <- cbind(unlist(groups), unlist(columns))
  if (isTRUE(attr(x, "useSc"))) labels <- rbind(labels, c("Residual", ""))
  table <- cbind(labels, matrix(numbers, nrow = length(stddev)),
    if (corr) format_correlations(x, nrow(labels), max(2, digits - 2)) else
      format_covariances(x, nrow(labels), formatter, digits = digits, ...))
  n_corr <- ncol(table) - 2L - length(comp)
  title <- if (corr) "Corr" else "Cov"
  titles <- c("Groups", "Name", comp, if (n_corr > 0) c(title, rep("", n_corr - 1)))
  dimnames(table) <- list(rep("", nrow(table)), titles)
  table
}

format_correlations <- function(x, n_rows, digits) {
  lower_triangles(x, n_rows, function(term) {
    formatC(attr(term, "correlation"), digits = digits, format = "f")
  })
}

format_covariances <- function(x, n_rows, formatter, ...) {
  lower_triangles(x, n_rows, function(term) {
    text <- term
    low <- lower.tri(term)
    text[low] <- formatter(term[low], ...)
    text
  })
}

# The lower triangles of a matrix for each term, side by side with the rows of the table.
lower_triangles <- function(x, n_rows, text_of_term) {
  width <- max(lengths(lapply(x, rownames)), 1L) - 1L
  out <- matrix("", n_rows, width)
  row <- 0L
  for (term in x) {
    p <- nrow(term)
    text <- text_of_term(term)
    text[!lower.tri(text)] <- ""
    out[row + seq_len(p), seq_len(p - 1L)] <- text[, seq_len(p - 1L)]
    row <- row + p
  }
  out
}

#' @rdname VarCorr.rlmm
#' @export
as.data.frame.rlmm_varcorr <- function(x, row.names = NULL, optional = FALSE,
                                       order = c("cov.last", "lower.tri"), ...) {
  order <- match.arg(order)
  parts <- Map(varcorr_rows, unclass(x)[seq_along(x)], names(x), order)
  residual <- if (isTRUE(attr(x, "useSc"))) {
    data.frame(grp = "Residual", var1 = NA_character_, var2 = NA_character_,
      vcov = attr(x, "sc")^2, sdcor = attr(x, "sc"))
  }
  out <- do.call(rbind, c(unname(parts), list(residual)))
  rownames(out) <- NULL
  out
}

varcorr_rows <- function(covariance, group, layout) {
  at <- which(lower.tri(covariance, diag = TRUE), arr.ind = TRUE)
  on_diagonal <- at[, 1] == at[, 2]
  if (layout == "cov.last") at <- at[order(!on_diagonal), , drop = FALSE]
  on_diagonal <- at[, 1] == at[, 2]
  correlation <- attr(covariance, "correlation")
  columns <- rownames(covariance)
  data.frame(
    grp = group, var1 = columns[at[, 2]],
    var2 = ifelse(on_diagonal, NA_character_, columns[at[, 1]]),
    vcov = covariance[at],
    sdcor = ifelse(on_diagonal, attr(covariance, "stddev")[at[, 1]], correlation[at])
  )
}

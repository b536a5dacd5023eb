#' Printing of a fitted model
#'
#' The layout of lme4: what was fitted, the criterion, standard deviations and
#' correlations of the random effects, and the estimates of the fixed effects.
#'
#' @param x A model fitted by [rlmm()].
#' @param digits Number of significant digits.
#' @param ranef.comp Which of `"Variance"` and `"Std.Dev."` to print for the random effects.
#' @param ranef.corr Print correlations of the random effects, or else covariances? Correlations
#'   unless `ranef.comp` is `"Variance"` alone.
#' @param ... Not used.
#' @return `x`, invisibly.
#' @examples
#' rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' @export
print.rlmm <- function(x, digits = max(3, getOption("digits") - 3), ranef.comp = "Std.Dev.",
                       ranef.corr = any(ranef.comp == "Std.Dev."), ...) {
  print_title(x$REML)
  print_call(x$call, x$formula)
  print_criterion(criterion_table(x), x$REML, digits)
  cat("Random effects:\n")
  print(VarCorr(x), digits = digits, comp = ranef.comp, corr = ranef.corr)
  print_groups(nobs(x), ngrps(x))
  print_fixed(fixef(x), digits)
  print_dropped(x$dropped)
  print_findings(x$optinfo)
  invisible(x)
}

print_title <- function(REML, tests = NULL) {
  cat(paste(c(fit_title(REML), tests), collapse = ". "), " ['rlmm']\n", sep = "")
}

fit_title <- function(REML) {
  paste("Linear mixed model fit by", if (REML) "REML" else "maximum likelihood")
}

print_call <- function(call, formula) {
  wrap <- function(label, x) {
    text <- deparse(x, width.cutoff = 75L)
    cat(paste0(c(label, rep(strrep(" ", nchar(label)), length(text) - 1L)), text, "\n"), sep = "")
  }
  wrap("Formula: ", formula)
  for (part in c("data", "subset", "weights", "offset")) {
    if (!is.null(call[[part]])) {
      wrap(formatC(paste0(capitalise(part), ": "), width = 9), short_expression(call[[part]]))
    }
  }
}

capitalise <- function(word) paste0(toupper(substring(word, 1, 1)), substring(word, 2))

# A data frame that stands in the call itself would fill the screen.
short_expression <- function(x) {
  if (is.language(x) || length(x) == 1) x else as.name(paste0("<", class(x)[1], ">"))
}

# REML criterion alone, or AIC and company for a fit by maximum likelihood.
criterion_table <- function(object) {
  if (object$REML) return(c(REML = REMLcrit(object)))
  ll <- logLik(object)
  c(AIC = stats::AIC(ll), BIC = stats::BIC(ll), logLik = as.numeric(ll),
    deviance = deviance(object), df.resid = df.residual(object))
}

print_criterion <- function(table, REML, digits) {
  if (REML) {
    cat("REML criterion at convergence: ", formatC(table[["REML"]], digits = digits, format = "f"),
      "\n", sep = "")
  } else {
    text <- c(formatC(table[1:4], digits = digits, format = "f"), format(table[["df.resid"]]))
    print(stats::setNames(text, names(table)), quote = FALSE, right = TRUE)
  }
}

print_groups <- function(n, groups) {
  cat("Number of obs: ", n, ", groups:  ",
    paste(names(groups), groups, sep = ", ", collapse = "; "), "\n", sep = "")
}

print_fixed <- function(beta, digits) {
  if (length(beta) == 0) return(cat("No fixed effect coefficients\n"))
  cat("Fixed Effects:\n")
  print(format(beta, digits = digits), quote = FALSE, print.gap = 2)
}

print_dropped <- function(dropped) {
  if (length(dropped)) {
    cat("Redundant columns left out of the fixed effects:", quoted_list(dropped), "\n")
  }
}

# Only what a reader must know: messages of the search, and a missing certificate.
print_findings <- function(optinfo) {
  certificate <- optinfo$certificate
  if (isFALSE(certificate$certified)) {
    cat("Not certified as an optimum: ", doubt_text(certificate), "\n", sep = "")
  }
  for (text in optinfo$messages) cat(text, "\n", sep = "")
}

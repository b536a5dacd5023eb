test_that("the text has the numbers", {
  text <- report_text(our_fit("slope"))
  for (part in c("180 observations", "18 levels of Subject", "24.7", "5.92", "by Subject 0.07",
    "25.6", "0.80", "0.28", "10.5 (95% interval 7.21 to 13.7, t(17.0) = 6.77, p < 0.001)")) {
    expect_match(text, part, fixed = TRUE)
  }
  expect_match(report_text(our_fit("slope_ml")), "model (maximum likelihood)", fixed = TRUE)
  expect_match(report_text(our_fit("singular")), "singular")
  expect_match(report_text(our_fit("deficient")), "left out: Days2")
  expect_match(report_text(our_fit("three"), ddf = "Kenward-Roger"), "Kenward-Roger")
  plain <- report_text(our_fit("three"), ddf = "none", level = 0.9)
  expect_match(plain, "90% interval")
  expect_no_match(plain, "p < ")
  expect_error(report_text(1), class = "rlmm_no_method")
})

test_that("tables are those of the summary", {
  fit <- our_fit("three")
  tables <- report_tables(fit)
  expect_equal(tables$fixed$Term, names(fixef(fit)))
  expect_equal(as.numeric(tables$fixed$Estimate), unname(fixef(fit)), tolerance = 1e-3)
  test <- coefficient_tests(fit, "Satterthwaite")
  expect_equal(as.numeric(tables$fixed$df), test$df, tolerance = 1e-2)
  deviations <- variance_parameters(fit)
  expect_equal(as.numeric(tables$random$`Std. dev.`),
    deviations$estimate[is.na(deviations$var2)], tolerance = 1e-3)
  expect_match(tables$random$Correlation[2], "with z")
  expect_false("p" %in% names(report_tables(fit, ddf = "none")$fixed))
  zero <- report_tables(our_fit("singular"))$random
  expect_equal(as.numeric(zero$`Std. dev.`[1]), 0)
})

test_that("other packages make documents of them", {
  skip_if_not_installed("knitr")
  fit <- our_fit("slope")
  for (format in c("latex", "html", "markdown")) {
    made <- knitr::kable(report_tables(fit)$fixed, format = format)
    expect_match(paste(made, collapse = " "), "10.47")
  }
  printed <- knitr::knit_print(report_tables(fit))
  expect_s3_class(printed, "knit_asis")
  for (part in c("Fixed effects", "Random effects", "REML criterion")) expect_match(printed, part)
  expect_output(print(report_tables(fit)), "Conditional R2")
})

test_that("xtable makes LaTeX of them", {
  skip_if_not_installed("xtable")
  fit <- our_fit("slope")
  expect_s3_class(xtable::xtable(fit), "xtable")
  expect_output(print(xtable::xtable(fit, which = "random", caption = "A caption")), "A caption")
  expect_output(print(xtable::xtable(fit, which = "fit"), type = "html"), "<table")
})

test_that("of every model the numbers are those of lmer's fit", {
  skip_if_not_installed("lme4")
  skip_if_not_installed("knitr")
  for (name in names(interop_models)) {
    fits <- interop_fits(name)
    tables <- report_tables(fits$ours)
    expect_equal(as.numeric(tables$fixed$Estimate), unname(lme4::fixef(fits$theirs)),
      tolerance = 1e-2, label = name)
    deviations <- as.data.frame(lme4::VarCorr(fits$theirs))
    expect_equal(as.numeric(tables$random$`Std. dev.`),
      deviations$sdcor[is.na(deviations$var2)], tolerance = 1e-2, label = name)
    text <- report_text(fits$ours)
    expect_match(text, paste(nobs(fits$theirs), "observations"), label = name)
    for (format in c("latex", "html", "markdown")) {
      made <- paste(knitr::kable(tables$fixed, format = format), collapse = " ")
      expect_match(made, tables$fixed$Estimate[1], fixed = TRUE)
    }
    expect_match(knitr::knit_print(tables), tables$fixed$Estimate[1], fixed = TRUE)
    skip_if_not_installed("xtable")
    expect_output(print(xtable::xtable(fits$ours)), tables$fixed$Estimate[1], fixed = TRUE)
  }
})
